"""The fields of an event. A column that is added here appears in tables, sorting, filters and exports.

The field that takes the rest of the line comes last.
"""

from __future__ import annotations

from epolltop.model.bounds import TICKS_BELOW
from epolltop.model.event import Event, Kind, Syscall
from epolltop.query.creation import INSTANCE_ID, argument_text, error_name, stack_text
from epolltop.query.field import Field
from epolltop.query.instant import local, utc

_KINDS = {
    Kind.CREATE: "create",
    Kind.CREATE_FAILED: "create failed",
    Kind.RELEASE: "release",
    Kind.FOUND: "found",
    Kind.GONE: "gone",
}

_EVENT_NAMES = {
    Kind.CREATE: "epoll_create1",
    Kind.CREATE_FAILED: "epoll_create1",
    Kind.RELEASE: "files_free",
    Kind.FOUND: "epoll_found",
    Kind.GONE: "epoll_gone",
}
EVENT_NAMES = tuple(dict.fromkeys((*(call.name.lower() for call in Syscall if call), *_EVENT_NAMES.values())))
"""All that event_name tells."""


def event_name(event: Event) -> str:
    """Its name in records, and the name of its page in docs/events: the system call, the probe, or a census event."""
    return event.syscall.name.lower() if is_call(event) and event.syscall else _EVENT_NAMES[event.kind]


def is_call(event: Event) -> bool:
    """Whether the event is a call that returned."""
    return event.kind in (Kind.CREATE, Kind.CREATE_FAILED)


def _result(event: Event) -> str | None:
    return error_name(event) or (None if event.fd is None else str(event.fd))


def _lifetime(event: Event) -> float | None:
    return None if event.lifetime_ns is None else event.lifetime_ns / 1e9


EVENT_FIELDS: tuple[Field[Event], ...] = (
    Field("time", "TIME", 12, "text", lambda event, snapshot: utc(event.time_ns, snapshot),
          "Time of the event: the local time of day on screen, UTC elsewhere.",
          text=lambda event, snapshot: local(event.time_ns, snapshot)),
    Field("kind", "EVENT", 13, "text", lambda event, _: _KINDS[event.kind],
          "create, create failed and release are traced; found and gone are differences between two censuses.",
          aliases=("type",), json=lambda event, _: event.kind.name.lower(), known=True,
          choices=tuple(kind.name.lower() for kind in Kind),
          json_help="What happened; `found` and `gone` are differences between two censuses."),
    Field("pid", "PID", 7, "id", lambda event, _: event.pid or None,
          "Process id of the actor; for a release, the process that dropped the last reference."),
    Field("name", "NAME", 15, "text", lambda event, _: event.name or None, "Name of the acting thread.",
          aliases=("comm",)),
    Field("result", "RESULT", 7, "text", lambda event, _: _result(event),
          "What the call returned: a descriptor, or why creation failed.",
          applies=lambda event, _: is_call(event),
          severity=lambda event, _: "error" if event.errno else None),
    Field("argument", "ARG", 13, "text", lambda event, _: argument_text(event.syscall, event.argument),
          "The size given to epoll_create or the flags given to epoll_create1.",
          applies=lambda event, _: is_call(event) or argument_text(event.syscall, event.argument) is not None),
    Field("lifetime", "LIFETIME", 8, "seconds", lambda event, _: _lifetime(event),
          "From creation to release, in seconds, if both were seen.",
          applies=lambda event, _: event.kind is Kind.RELEASE),
    Field("tid", "TID", 7, "id", lambda event, _: event.tid or None, "Thread id of the actor.", shown=False),
    Field("ppid", "PPID", 7, "id", lambda event, _: event.ppid or None, "Process id of the actor's parent.",
          shown=False),
    Field("uid", "UID", 6, "id", lambda event, _: event.uid, "Number of the user that the actor runs as.", shown=False),
    Field("start", "START", 12, "id", lambda event, _: event.start or None,
          "Start of the acting process in clock ticks since boot: with the pid, its identity.", shown=False,
          below=TICKS_BELOW),
    Field("cgroup", "CGROUP", 12, "id", lambda event, _: event.cgroup or None,
          "Number of the actor's control group (v2).", shown=False),
    Field("by_kernel", "KERNEL", 6, "text", lambda event, _: event.by_kernel,
          "Whether a kernel thread acted, as for descriptors dropped while in flight: yes or no.", shown=False,
          form="truth", known=True, json_help="Whether a kernel thread acted, as for descriptors dropped while in "
          "flight."),
    Field("by_census", "CENSUS", 6, "text", lambda event, _: event.by_census,
          "yes: epolltop's census, or another program that looked, held the last reference for a moment; who closed "
          "the instance is not known, and pid is the creator's.", shown=False, form="truth", known=True,
          json_help="Whether epolltop's own census, or another program that looked (ls, lsof), held the last reference "
          "for a moment. `processId` is the creator's; who closed the instance is not known."),
    Field("syscall", "SYSCALL", 13, "text",
          lambda event, _: event.syscall.name.lower() if event.syscall else None,
          "The call that created the instance.", shown=False),
    Field("fd", "FD", 5, "id", lambda event, _: event.fd, "Descriptor that creation returned.", shown=False,
          applies=lambda event, _: event.kind is Kind.CREATE),
    Field("errno", "ERRNO", 7, "text", lambda event, _: error_name(event), "Why creation failed.", shown=False,
          applies=lambda event, _: error_name(event) is not None),
    Field("created_at", "CREATED", 12, "text", lambda event, snapshot: utc(event.created_ns, snapshot),
          "When the instance was created, if that was seen: the local time of day on screen, UTC elsewhere.",
          text=lambda event, snapshot: local(event.created_ns, snapshot), shown=False, form="time",
          json_help="When the instance was created, if that was seen."),
    Field("stack", "STACK", 40, "text", lambda event, _: stack_text(event.stack),
          "Functions of the actor's user stack at a creation, innermost first, if --stacks took it.", shown=False,
          applies=lambda event, _: is_call(event),
          json=lambda event, _: list(event.stack) or None, many=True,
          json_help="Functions of the actor's user stack at a creation, also one that failed, innermost first, if "
          "--stacks took it; see below."),
    Field("instance", "INSTANCE", 0, "text", lambda event, _: event.instance,
          "Name of the instance: its kernel address, and the nanosecond since boot when it was created or found.",
          spare=3, pattern=INSTANCE_ID),
)  # fmt: skip
