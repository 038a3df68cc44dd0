"""An event as a record with the names of Tracee's fields; members without such a name are in "epoll"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from epolltop.model.event import Event, Syscall
from epolltop.model.snapshot import Snapshot
from epolltop.query.creation import signed
from epolltop.query.event_fields import EVENT_FIELDS, EVENT_NAMES, event_name, is_call
from epolltop.query.field import lookup
from epolltop.query.member import Member, Structure, listed, same, within


def _field(name: str, as_name: str = "", **shape: Any) -> Member[Event]:
    """What a field has in a record, where that name is another one."""
    return replace(lookup(EVENT_FIELDS, name).member, name=as_name or name, of=name, **shape)


def _argument_name(event: Event) -> str:
    return "size" if event.syscall is Syscall.EPOLL_CREATE else "flags"


def _arguments(event: Event) -> list[Event]:
    """Who is asked for each argument."""
    return [event] if is_call(event) else []


ARGUMENT: Structure[Event] = Structure("argument", (
    Member("name", "text", "What the call has it for.", lambda event, _: _argument_name(event), known=True,
           choices=("size", "flags")),
    Member("type", "text", "In C.", lambda *_: "int", known=True, choices=("int",)),
    Member("value", "integer", "What the program passed; `null` if that was not seen.",
           lambda event, _: signed(event.argument), signed=True),
))  # fmt: skip
EPOLL: Structure[Event] = Structure("epoll", (
    _field("kind"),
    _field("instance", "id"),
    _field("fd"),
    _field("errno"),
    _field("created_at"),
    same("lifetime_ns", "integer", "From creation to release, if both were seen.", signed=True),
    _field("start", "process_start_ticks"),
    _field("by_kernel"),
    _field("by_census"),
    _field("stack", young=True),
))  # fmt: skip
EVENT: Structure[Event] = Structure("event", (
    Member("timestamp", "integer", "When it happened, in nanoseconds since the epoch.",
           lambda event, snapshot: snapshot.wall_of(event.time_ns), known=True, signed=True),
    _field("pid", "processId"),
    _field("tid", "threadId"),
    _field("ppid", "parentProcessId"),
    _field("uid", "userId"),
    _field("cgroup", "cgroupId"),
    _field("name", "processName"),
    Member("hostName", "text", "Name of the machine.", lambda _, snapshot: snapshot.source.host.hostname, known=True),
    Member("eventName", "text", "The call, else the probe that told, or what two censuses showed.",
           lambda event, _: event_name(event), known=True, choices=EVENT_NAMES),
    Member("argsNum", "integer", "How many `args` there are.", lambda event, _: len(_arguments(event)), known=True),
    Member("returnValue", "integer", "What a call returned: the descriptor, or the number of the error below 0.",
           lambda event, _: (-event.errno if event.errno else event.fd) if is_call(event) else None, signed=True),
    listed("args", ARGUMENT, "What a call was given.", lambda event, _: _arguments(event)),
    within("epoll", EPOLL, "What Tracee has no name for.", lambda event, _: event),
))  # fmt: skip
"""Flat names are those of Tracee's trace.Event up to v0.23."""


def event_record(event: Event, snapshot: Snapshot) -> dict[str, Any]:
    """One event as JSON has it."""
    return EVENT.written(event, snapshot)
