"""What a source tells, made by hand: everything has a default, each test names what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from epolltop.model.batch import Batch, Cost
from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.holding import Census, Holding
from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopKey, LoopTimes, Turn, WaitCall
from epolltop.model.process import NS_PER_TICK, Process, ProcessKey
from epolltop.model.source import Host, Probe, Source

P, Q, R = ProcessKey(100, 1000), ProcessKey(200, 2000), ProcessKey(300, 3000)
A, B, C = 0xA00, 0xB00, 0xC00
"""Addresses of files."""
SECOND_NS = 1_000_000_000
NOW_NS = 1_000_000_000_000
"""Time since the boot, where a test does not name one."""
WALL_NS = 1_769_860_800_123_456_000
"""The same as a date: 2026-01-31T12:00:00.123456Z."""
CLOEXEC = 0o2000000

_EVENT = Event(
    kind=Kind.CREATE,
    time_ns=NOW_NS - SECOND_NS,
    file=0xFFFF888101234500,
    created_ns=NOW_NS - SECOND_NS,
    pid=42,
    tid=43,
    ppid=1,
    uid=33,
    start=7000,
    cgroup=4242,
    name="nginx",
    fd=8,
    errno=0,
    syscall=Syscall.EPOLL_CREATE1,
    argument=CLOEXEC,
    by_kernel=False,
    since_ns=NOW_NS - SECOND_NS,
)


def event(**changes: object) -> Event:
    """A creation, unless changed."""
    return _EVENT._replace(**changes)  # type: ignore[arg-type]


def event_of(kind: Kind, at: int, who: ProcessKey = P, **changes: object) -> Event:
    """One of a process, by its main thread, of which no more is known."""
    unknown = event(
        kind=kind,
        time_ns=at,
        file=0,
        created_ns=0,
        pid=who.pid,
        tid=who.pid,
        uid=1000 + who.pid,
        start=who.start,
        cgroup=7,
        name=f"actor {who.pid}",
        fd=None,
        syscall=Syscall.UNKNOWN,
        argument=None,
        since_ns=0,
    )
    return unknown._replace(**changes)  # type: ignore[arg-type]


def create(file: int, at: int, who: ProcessKey = P, fd: int | None = 3) -> Event:
    """A creation that was traced."""
    return event_of(
        Kind.CREATE,
        at,
        who,
        file=file,
        created_ns=at if file else 0,
        since_ns=at if file else 0,
        fd=fd,
        syscall=Syscall.EPOLL_CREATE1,
        argument=CLOEXEC,
    )


def release(file: int, at: int, created: int = 0, who: ProcessKey = P) -> Event:
    """A release; created is 0 for what is older than the trace."""
    return event_of(Kind.RELEASE, at, who, file=file, created_ns=created, since_ns=created)


def failed(at: int, who: ProcessKey = P) -> Event:
    """A creation without room for one more descriptor."""
    return event_of(Kind.CREATE_FAILED, at, who, errno=24, syscall=Syscall.EPOLL_CREATE1, argument=0)


def holding(file: int, who: ProcessKey = P, fd: int = 3, created: int = 0) -> Holding:
    """One descriptor; created is 0 for what is older than the trace."""
    return Holding(file, created, who.start, who.pid, fd, CLOEXEC if created else 0, 2 if created else 0)


def census(started: int, *holdings: Holding, by_address: bool = True) -> Census:
    """Everything that is held."""
    return Census(started, holdings, by_address=by_address)


def process(key: ProcessKey, **given: object) -> Process:
    """What /proc says about one that is alive."""
    return Process(key, 1, f"name {key.pid}", f"command {key.pid}", key.pid, f"user {key.pid}", "/", 9, 1024)._replace(
        **given  # type: ignore[arg-type]
    )


def source(*, created: bool = True, released: bool = True, **changes: object) -> Source:
    """A source whose probes trace, or do not."""
    probes = (Probe("epoll_create", "here", created), Probe("files_free", "there", released))
    made = Source("bpf", Host("host", "6.1", "x86_64"), probes, "iterator")
    return replace(made, **changes)  # type: ignore[arg-type]


def loop(file: int = A, who: ProcessKey = P, tid: int = 0, created: int = 0, start: int = 0) -> LoopKey:
    """Of the main thread, unless another tid is given; created is 0 for an instance that is older than the trace."""
    return LoopKey(file, created, who, tid or who.pid, start or who.start * NS_PER_TICK)


def turn(entered: int, returned: int = 0, **changes: object) -> Turn:
    """Of a thread that waits, unless it returned; entered is 0 for a wait that began before the trace."""
    made = Turn(entered, returned, timeout_ns=None, maxevents=512, call=WaitCall.EPOLL_WAIT, name="worker")
    return made._replace(**changes)  # type: ignore[arg-type]


def buckets(**counts: int) -> tuple[int, ...]:
    """Of times: how many in each, by name: b0, b1 and so on."""
    return tuple(counts.get(f"b{at}", 0) for at in range(TIME_BUCKETS))


def batch(
    now: int,
    events: Iterable[Event] = (),
    taken: Census | None = None,
    *,
    counts: Mapping[ProcessKey, Counts] | None = None,
    alive: Sequence[ProcessKey] = (P, Q, R),
    by: Source | None = None,
    totals: Totals | None = None,
    cpu_ns: int = 0,
    watches: Mapping[int, int] | None = None,
    loops: Mapping[LoopKey, LoopCounts] | None = None,
    loop_times: Mapping[LoopKey, LoopTimes] | None = None,
    turns: Mapping[LoopKey, Turn] | None = None,
) -> Batch:
    """One tick. Counting began at 0."""
    return Batch(
        since_ns=0,
        now_ns=now,
        wall_ns=now + 1_700_000_000 * SECOND_NS,
        source=by or source(),
        cost=Cost(cpu_ns, 1),
        events=tuple(events),
        counts=counts or {},
        totals=totals or Totals(),
        census=taken,
        processes={key: process(key) for key in alive},
        watches=watches or {},
        loops=loops or {},
        loop_times=loop_times or {},
        turns=turns or {},
    )
