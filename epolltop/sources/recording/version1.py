"""Recordings of version 1, which identified members by position: its old records, and their conversion.

Nothing else needs this module but `Recording.open`, so it can go when no file of that version is left.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta
from msgspec.structs import astuple

from epolltop.model.bounds import (
    FRAME_CHARS_MAX,
    FRAMES_MAX,
    NOTES_MAX,
    TEXT_CHARS_MAX,
    Name,
    Nanoseconds,
    Note,
    Text,
    Ticks,
)
from epolltop.model.limits import ONLY_PROC, TOLD
from epolltop.sources.recording.changes import RECORDS_MAX
from epolltop.sources.recording.codec import Decoder
from epolltop.sources.recording.record_layout import RecordLayout
from epolltop.text.safe import clipped, printable

_LongFrame = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
_Call = Annotated[int, Meta(ge=0, le=2)]


class ProcessKey(NamedTuple):
    """As it was, like all that follow. A file may lack the last members that have defaults."""

    pid: int
    start: Ticks


class Event(NamedTuple):
    """It may have frames that are longer than any that is written now."""

    kind: Annotated[int, Meta(ge=1, le=5)]
    time_ns: int
    file: int
    created_ns: int
    pid: int
    tid: int
    ppid: int
    uid: int | None
    start: Ticks
    cgroup: int
    name: Name
    fd: int | None
    errno: int
    syscall: _Call
    argument: int | None
    by_kernel: bool
    by_census: bool = False
    since_ns: int = 0
    stack: Annotated[tuple[_LongFrame, ...], Meta(max_length=FRAMES_MAX)] = ()


class Holding(NamedTuple):
    """A descriptor."""

    file: int
    created_ns: int
    start: Ticks
    pid: int
    fd: int
    argument: int
    syscall: _Call
    creator: int = 0
    creator_start: Ticks = 0
    cloexec: bool | None = None
    creator_tid: int = 0


class Counts(NamedTuple):
    """Of a process."""

    created: int = 0
    failed: int = 0
    released: int = 0
    sampled_out: int = 0
    failed_sampled_out: int = 0


class Totals(NamedTuple):
    """Of all processes."""

    created: int = 0
    failed: int = 0
    released: int = 0
    released_by_kernel: int = 0


class Process(NamedTuple):
    """What /proc said."""

    key: ProcessKey
    ppid: int
    name: Name
    command: Text
    uid: int
    user: Name
    cgroup: Text
    fds: int | None
    fd_limit: int | None
    container: Name | None = None
    ns_pid: int | None = None
    compat: bool = False
    command_bytes: int | None = None
    command_truncated: bool = False


class Probe(msgspec.Struct):
    """It had its members by name, as Source did."""

    name: Name
    attached_to: Note
    traces: bool


class Host(NamedTuple):
    """The machine."""

    hostname: Name
    kernel: Name
    machine: Name


class Source(msgspec.Struct):
    """Where the facts came from."""

    kind: Name
    host: Host
    probes: Annotated[list[Probe], Meta(min_length=1, max_length=NOTES_MAX)]
    census_by: Note
    fallback: Note = ""
    blind_spots: Annotated[tuple[Note, ...], Meta(max_length=NOTES_MAX)] = ()
    unreadable: int = 0
    events: int = 0
    lost: int = 0
    sampled_out: int = 0
    failed_sampled_out: int = 0
    untold_releases: int = 0
    overflowed: int = 0
    unattributed: int = 0
    missed: int = 0
    sees_compat: bool = True
    stacks_left_out: int = 0
    sees_all_releases: bool = True


class Cost(NamedTuple):
    """Of epolltop itself."""

    cpu_ns: int
    rss_bytes: int


class Census(msgspec.Struct, array_like=True):
    """The holdings are those of the last one, or whole, or those without `removed` and with `added`."""

    started_ns: int
    by_address: bool
    same: bool
    whole: list[Holding] | None
    removed: list[int]
    added: list[tuple[int, Holding]]
    cut: Annotated[frozenset[ProcessKey], Meta(max_length=RECORDS_MAX)] = frozenset()


class Batch(msgspec.Struct, array_like=True):
    """A tick."""

    since_ns: Nanoseconds
    now_ns: Nanoseconds
    wall_ns: Nanoseconds
    source: Source
    cost: Cost
    totals: Totals
    events: list[Event]
    counts: dict[ProcessKey, Counts]
    counts_gone: list[ProcessKey]
    processes: dict[ProcessKey, Process]
    processes_gone: list[ProcessKey]
    census: Census | None
    watches: dict[int, int]
    users: dict[int, Name]


_SENTENCES = ("fallback", "blind_spots")
_KINDS = {
    "Kind": {"CREATE": 1, "CREATE_FAILED": 2, "RELEASE": 3, "FOUND": 4, "GONE": 5},
    "Syscall": {"UNKNOWN": 0, "EPOLL_CREATE": 1, "EPOLL_CREATE1": 2},
}
_RECORDS = {
    **{each.__name__: each._fields for each in (ProcessKey, Event, Holding, Counts, Totals, Process, Host, Cost)},
    "Probe": Probe.__struct_fields__,
    "Source": (*(name for name in Source.__struct_fields__ if name not in _SENTENCES), "limits"),
    "Limit": ("id", "evidence"),
    "Census": ("started_ns", "holdings", "by_address", "cut"),
    "Batch": (
        *("since_ns", "now_ns", "wall_ns", "source", "cost", "totals"),
        *("events", "counts", "processes", "census", "watches", "users"),
    ),
}
LAYOUT = RecordLayout(_RECORDS, _KINDS, ours=False)
"""What the header of a file of version 2 would have that tells the same."""

_decode = msgspec.msgpack.Decoder(Batch).decode


def decoder() -> Decoder:
    """Reads its ticks."""
    return Decoder(LAYOUT, lambda raw: _as_now(_decode(raw)))


def _as_now(told: Batch) -> tuple[Any, ...]:
    """As msgspec decodes a tick with that layout."""
    census = told.census
    return (
        *(told.since_ns, told.now_ns, told.wall_ns),
        _source(told.source),
        *(told.cost, told.totals, _with_short_frames(told.events)),
        (list(told.counts), list(told.counts.values()), told.counts_gone),
        (list(told.processes), list(told.processes.values()), told.processes_gone),
        census and (census.started_ns, _change(census), census.by_address, census.cut),
        (list(told.watches), list(told.watches.values()), None),
        (list(told.users), list(told.users.values()), None),
    )


def _source(told: Source) -> tuple[Any, ...]:
    """What could not be seen were sentences: why there is no better source, and others."""
    reasons = [(ONLY_PROC, (("sentence", told.fallback),))] if told.fallback else []
    limits = [*reasons, *((TOLD, (("sentence", note),)) for note in told.blind_spots)]
    names = (name for name in Source.__struct_fields__ if name not in _SENTENCES)
    members = {name: getattr(told, name) for name in names} | {"probes": list(map(astuple, told.probes))}
    return (*members.values(), limits)


def _change(census: Census) -> tuple[Any, ...] | None:
    return None if census.same and census.whole is None else (census.whole, census.removed, census.added)


def _with_short_frames(events: list[Event]) -> list[Event]:
    short = {stack: tuple(clipped(printable(frame), FRAME_CHARS_MAX) for frame in stack) for stack in _stacks(events)}
    return [event._replace(stack=short[event.stack]) for event in events] if short.keys() - {()} else events


def _stacks(events: list[Event]) -> set[tuple[str, ...]]:
    return {event.stack for event in events}
