"""The facts of one tick: a source yields a batch of them each time that it is polled.

Times named ``*_ns`` are nanoseconds of the boot clock (CLOCK_BOOTTIME), which goes on during suspend; ``wall_ns`` is
nanoseconds since the epoch. Counts are cumulative since the source was opened. Names are text already made safe
(`epolltop.text.safe`). The records are in modules by subject: `process`, `event`, `holding`, `counts`,
`loop_activity`, `ctl_activity`, `source`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from epolltop.model.bounds import LATE_LOOKS_MAX, USERS_MAX, Name, Nanoseconds
from epolltop.model.counts import Counts, Totals
from epolltop.model.ctl_activity import CtlCounts, CtlErrorKey, CtlErrors, CtlKey
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.event import Event
from epolltop.model.file_calls import FILE_CALLS_MAX, FileCalls
from epolltop.model.holding import Census
from epolltop.model.late_look import LateLook
from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes, Turn
from epolltop.model.process import Process, ProcessKey
from epolltop.model.source import Source
from epolltop.model.thread_waits import ThreadWaits
from epolltop.model.watch import InterestList


class Cost(NamedTuple):
    """What epolltop itself has used."""

    cpu_ns: int
    rss_bytes: int


class CounterTable(NamedTuple):
    """A member of a batch that probes count in the kernel: records of counters by key, whole each time."""

    none: Any
    """The record of what did nothing."""
    process_of: Callable[[Any], ProcessKey]
    """The process whose activity is counted under a key."""


def _its_own(key: ProcessKey) -> ProcessKey:
    return key


def _table(record: Any, process_of: Callable[[Any], ProcessKey] = _its_own) -> Any:
    return field(default_factory=dict, metadata={"table": CounterTable(record(), process_of)})


@dataclass(frozen=True, slots=True)
class Batch:
    """All facts of one tick."""

    since_ns: Nanoseconds
    """When counting began."""
    now_ns: Nanoseconds
    wall_ns: Nanoseconds
    source: Source
    cost: Cost
    events: Sequence[Event] = ()
    counts: Mapping[ProcessKey, Counts] = _table(Counts)
    """Complete each time: a missing process has not acted, or is no longer kept."""
    loops: Mapping[LoopKey, LoopCounts] = _table(LoopCounts, attrgetter("process"))
    """Whole each time, too. A source may have PackedCounters instead, and in the next two tables what iterates."""
    loop_times: Mapping[LoopKey, LoopTimes] = field(default_factory=dict)
    """Of those loops, as far as they are measured."""
    turns: Mapping[LoopKey, Turn] = field(default_factory=dict)
    """Of threads that wait or waited: where each is now."""
    late: Annotated[Mapping[LoopKey, LateLook], Meta(max_length=LATE_LOOKS_MAX)] = field(default_factory=dict)
    """Of loops that are late, or were: the last look at each."""
    file_calls: Annotated[Mapping[ProcessKey, FileCalls], Meta(max_length=FILE_CALLS_MAX)] = field(default_factory=dict)
    """Of processes with a loop that gets the same event first again and again."""
    ctl: Mapping[CtlKey, CtlCounts] = _table(CtlCounts, attrgetter("process"))
    ctl_errors: Mapping[CtlErrorKey, CtlErrors] = _table(CtlErrors, attrgetter("process"))
    totals: Totals = field(default_factory=Totals)
    census: Census | None = None
    """None: not taken in this tick."""
    descriptors: Mapping[ProcessKey, Descriptors] = field(default_factory=dict)
    """Of living holders and actors, as the last census counted them; of a missing one they are not known."""
    thread_waits: Mapping[ProcessKey, ThreadWaits] = field(default_factory=dict)
    """Of living holders and actors of which no thread waits in epoll, as far as there was time to look at them."""
    processes: Mapping[ProcessKey, Process] = field(default_factory=dict)
    """Of every holder and actor still alive."""
    users: Annotated[Mapping[int, Name], Meta(max_length=USERS_MAX)] = field(default_factory=dict)
    """Names by uid, of those that acted in this tick and were gone before they could be read."""
    watches: Mapping[int, int] = field(default_factory=dict)
    """Length of the interest list by file, for those that were read in this tick."""
    interest: Mapping[int, InterestList] = field(default_factory=dict)
    """By file, the lists that were asked for and read in this tick."""


TABLES: Mapping[str, CounterTable] = {
    each.name: each.metadata["table"] for each in fields(Batch) if "table" in each.metadata
}
"""The tables of a batch, by member."""
