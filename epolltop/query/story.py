"""Stories of events and instances in words: labelled lines, all from one snapshot."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.instance import Holder, Instance, Provenance, Thread
from epolltop.model.instance_key import InstanceKey, instance_id
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Snapshot
from epolltop.query.creation import argument_text, error_name
from epolltop.query.derived_limits import limits_of_source
from epolltop.query.event_record import event_record
from epolltop.query.interest_story import interest_lines
from epolltop.query.view import events_of
from epolltop.text.numbers import UNKNOWN, duration, exact_duration, grouped, timestamp

StoryLine: TypeAlias = tuple[str | None, str]
"""A label and its text. An empty label continues the line before; None marks a headline."""

_TOLD = 8
"""Holders, and descriptors of a holder, that are listed one by one: each is looked up among all processes."""
_NO_WAIT = "none was seen by a thread that still lives"
_LEFT_BEFORE = "; one that left the instance before epolltop started shows when it comes back"
_HEADLINES = {
    Kind.CREATE: "{who} created an epoll instance",
    Kind.CREATE_FAILED: "{who} could not create an epoll instance",
    Kind.RELEASE: "{who} dropped the last reference to an epoll instance",
    Kind.FOUND: "a census found an instance in {who} whose creation was not seen",
    Kind.GONE: "a census no longer shows an instance of {who}; its release was not seen",
}


def event_story(event: Event, snapshot: Snapshot) -> list[StoryLine]:
    """What happened, to which instance, who did it, and the present state of the instance."""
    return list(_event_lines(event, snapshot))


def raw_story(event: Event, snapshot: Snapshot) -> list[StoryLine]:
    """The record of the event, one line per field with the names of JSON; arguments by their names."""
    record = event_record(event, snapshot)
    ours = {f"epoll.{name}": value for name, value in record.pop("epoll").items()}
    arguments = {f"args.{each['name']}": each["value"] for each in record.pop("args")}
    return [(name, json.dumps(value, ensure_ascii=False)) for name, value in (record | arguments | ours).items()]


def instance_story(key: InstanceKey, snapshot: Snapshot) -> list[StoryLine]:
    """The history of an instance: creation, holders, what is known now or how it ended."""
    instance = find_instance(snapshot, key)
    return list(_instance_lines(instance, snapshot) if instance else _past_lines(key, snapshot))


def find_instance(snapshot: Snapshot, key: InstanceKey, likely: ProcessKey | None = None) -> Instance | None:
    """The live instance of that key, if there is one.

    It looks through all of them, 5 ms among 100,000, but first at those of the process that is likely to hold it.
    """
    file, since_ns = key
    for row in sorted(snapshot.processes, key=lambda row: row.key != likely):
        for instance in row.instances:
            if instance.file == file and instance.since_ns == since_ns:  # a third of the time that keys take
                return instance
    return next((each for each in snapshot.unheld if each.key == key), None)


def _event_lines(event: Event, snapshot: Snapshot) -> Iterator[StoryLine]:
    lifetime = f" after {exact_duration(event.lifetime_ns / 1e9)}" if event.lifetime_ns is not None else ""
    yield None, _HEADLINES[event.kind].format(who=_actor(event)) + lifetime
    yield "when", _when(event.time_ns, snapshot)
    if event.kind in (Kind.CREATE, Kind.CREATE_FAILED):
        yield "call", _call(event)
    if event.pid:
        yield "who", _who(event, snapshot)
    if event.by_kernel:
        yield "note", "a kernel thread did it, as for descriptors in flight when their socket is closed"
    if event.by_census:
        yield "note", "the census or another program held the last reference for a moment: who closed it is not known"
    if event.instance:
        yield "instance", event.instance
    if event.kind is not Kind.CREATE_FAILED:
        yield "now", _standing(event, snapshot)
    yield from _stack(event.stack)


def _instance_lines(instance: Instance, snapshot: Snapshot) -> Iterator[StoryLine]:
    yield None, f"epoll instance {instance.id}"
    yield from _birth(instance, snapshot)
    for at_ns, text in _held_over_time(instance, snapshot):
        yield timestamp(snapshot.wall_of(at_ns))[:8], text
    yield "now", f"open, {_held(instance, snapshot)}"
    if snapshot.source.sees("waits") and not _has_loop(instance, snapshot):
        yield "waits", _NO_WAIT + (_LEFT_BEFORE if instance.provenance is Provenance.FOUND else "")
    yield from interest_lines(instance)
    yield from _stack(instance.stack)


def _has_loop(instance: Instance, snapshot: Snapshot) -> bool:
    key = instance.key
    return any(key in row.loops.on_instances for row in snapshot.processes)


def _past_lines(key: InstanceKey, snapshot: Snapshot) -> Iterator[StoryLine]:
    """The lines for an instance that is no longer open, from the journal."""
    about = events_of(key).rows(snapshot)[::-1]
    yield None, f"epoll instance {instance_id(key)}, no longer open"
    for event in about:
        if event.kind is Kind.CREATE:
            yield "created", _when(event.time_ns, snapshot)
            yield "by", _actor(event)
            yield "call", _call(event)
    if about:
        yield "now", _standing(about[-1], snapshot)
    else:
        yield "now", "not open, and the journal no longer has anything about it"


def _birth(instance: Instance, snapshot: Snapshot) -> Iterator[StoryLine]:
    if instance.provenance is Provenance.FOUND:
        when = _when(instance.since_ns, snapshot)
        yield "found", f"{when}: it existed before epolltop started, or its creation was not seen"
        return
    yield "created", _when(instance.since_ns, snapshot)
    if instance.creator:
        yield "by", _process(instance.creator, snapshot) + (_thread(instance.thread) if instance.thread else "")
    argument = argument_text(instance.syscall, instance.argument)
    if argument is not None:
        yield "call", f"{instance.syscall.name.lower()}({argument})"


def _thread(thread: Thread) -> str:
    return f", thread {thread.tid}" + (f" ({thread.name})" if thread.name is not None else "")


def _held_over_time(instance: Instance, snapshot: Snapshot) -> Iterator[tuple[int, str]]:
    """Each change of holders, at the time of the census that showed it."""
    states = [held.holders for held in instance.past] + [instance.holders]
    for held, before, after in zip(instance.past, states, states[1:], strict=False):
        then, now = set(before), set(after)
        gone = [f"no longer {text}" for text in _told((each for each in before if each not in now), snapshot)]
        come = [f"held by {text}" for text in _told((each for each in after if each not in then), snapshot)]
        yield held.until_ns, "; ".join(gone + come)


def _call(event: Event) -> str:
    name = "epoll_create" if event.syscall is Syscall.UNKNOWN else event.syscall.name.lower()
    call = f"{name}({argument_text(event.syscall, event.argument) or UNKNOWN})"
    if not event.errno:
        return f"{call} returned descriptor {UNKNOWN if event.fd is None else event.fd}"
    return f"{call} failed with {error_name(event)}: {os.strerror(event.errno).lower()}"


def _who(event: Event, snapshot: Snapshot) -> str:
    row = snapshot.row_of(event.process)
    parts = [f"thread {event.tid} ({event.name})" if event.tid else "thread not known"]
    if row:
        parts.append(f"of {row.command or row.name}")
    if event.ppid:
        parts.append(f"child of {event.ppid}")
    if event.uid is not None:
        user = row.user if row and row.uid == event.uid else None
        parts.append(f"as {user} ({event.uid})" if user else f"uid {event.uid}")
    if row and row.facts.fds is not None and row.facts.fd_limit:
        parts.append(f"{grouped(row.facts.fds)} of {grouped(row.facts.fd_limit)} descriptors in use now")
    return ", ".join(parts)


def _standing(event: Event, snapshot: Snapshot) -> str:
    """The present state of the instance of an event."""
    if not event.file or not event.since_ns:
        return "the instance is not known"
    end = event if event.kind in (Kind.RELEASE, Kind.GONE) else _end_of(event, snapshot)
    if end is None:
        instance = find_instance(snapshot, event.instance_key, likely=event.process)
        if instance is not None:
            return f"still open, {_held(instance, snapshot)}"
        return "no longer open; how it ended is not in the journal"
    if end.kind is Kind.GONE:
        return f"gone since {timestamp(snapshot.wall_of(end.time_ns))} at the latest"
    lived = f" after {exact_duration(end.lifetime_ns / 1e9)}" if end.lifetime_ns is not None else ""
    return f"released{lived}, by {_actor(end)}"


def _end_of(event: Event, snapshot: Snapshot) -> Event | None:
    for other in reversed(snapshot.journal):
        if other.file == event.file and other.since_ns == event.since_ns and other.kind in (Kind.RELEASE, Kind.GONE):
            return other
    return None


def _held(instance: Instance, snapshot: Snapshot) -> str:
    if not instance.holders:
        kept = "in flight in a socket, registered with io_uring, or kept by a waiting thread"
        beyond = "; or held where no census looks" if any(limits_of_source(snapshot.source)) else ""
        return f"held by no process that the census shows: {kept}{beyond}"
    return f"held by {'; '.join(_told(instance.holders, snapshot, instance))}"


def _told(holders: Iterable[Holder], snapshot: Snapshot, instance: Instance | None = None) -> list[str]:
    """The first of them, and how many more."""
    told: list[str] = []
    more = instance.more_holders if instance else 0
    for holder in holders:
        if len(told) < _TOLD:
            told.append(_holding(holder, snapshot, instance.cloexec_of(holder.process) if instance else ()))
        else:
            more += 1
    return told + [f"{grouped(more)} more"] * bool(more)


_CLOEXEC = {None: "", True: " (close-on-exec)", False: " (stays open over exec)"}


def _holding(holder: Holder, snapshot: Snapshot, cloexec: Sequence[bool | None] = ()) -> str:
    what = "descriptor" if len(holder.fds) == 1 else "descriptors"
    fds = [f"{fd}{_CLOEXEC[closed]}" for fd, closed in itertools.zip_longest(holder.fds[:_TOLD], cloexec[:_TOLD])]
    fds += ["…"] * (len(holder.fds) > _TOLD)
    return f"{_process(holder.process, snapshot)} as {what} {', '.join(fds) or UNKNOWN}"


def _actor(event: Event) -> str:
    return f"{event.name or 'process'} ({event.pid})" if event.pid else "nobody known"


def _process(key: ProcessKey, snapshot: Snapshot) -> str:
    row = snapshot.row_of(key)
    return f"{row.name if row else 'process'} ({key.pid})"


def _when(at_ns: int, snapshot: Snapshot) -> str:
    return f"{timestamp(snapshot.wall_of(at_ns))}, {duration(max(0, snapshot.now_ns - at_ns) / 1e9)} ago"


def _stack(frames: tuple[str, ...]) -> Iterator[StoryLine]:
    for number, frame in enumerate(frames):
        yield "" if number else "stack", frame
