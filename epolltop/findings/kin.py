"""Instances that may watch one listener: those of the workers of a server, be they threads or processes.

Their interest lists tell. These are read only where something else looks wrong, so kinship has to do until then:
threads of one process, processes that came from one by fork, or children of one parent with one name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, NamedTuple, Protocol, TypeVar

from epolltop.findings.floor import Floor
from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.loop_row import LoopRow
from epolltop.model.process_row import ProcessRow
from epolltop.model.watch import Watch


class LoopSeen(Protocol):
    """What is asked of the case of a loop."""

    @property
    def row(self) -> LoopRow: ...

    @property
    def process(self) -> ProcessRow: ...

    @property
    def instance(self) -> Instance | None: ...

    @property
    def who(self) -> str: ...

    @property
    def away_share(self) -> float | None: ...

    def ctl_per_s(self, counter: str) -> float | None: ...


Loop = TypeVar("Loop", bound=LoopSeen)
Loop_co = TypeVar("Loop_co", bound=LoopSeen, covariant=True)


class LoopsSeen(Protocol[Loop_co]):
    """What is asked of the cases of a window."""

    def loop(self, row: ProcessRow, at: int) -> Loop_co: ...

    def waited_on(self, row: ProcessRow) -> Sequence[InstanceKey]: ...

    def held(self, row: ProcessRow) -> Mapping[InstanceKey, Instance]: ...


@dataclass(frozen=True)
class Worker(Generic[Loop]):
    """An instance, with the loops on it."""

    key: InstanceKey
    loops: tuple[Loop, ...]
    events_per_s: float
    wakes_per_s: float

    @property
    def busiest(self) -> Loop:
        """The loop with most events."""
        return max(self.loops, key=lambda each: each.row.did.counted.per_s("events"))

    @property
    def adds_per_s(self) -> float | None:
        """Watches added; None if not known."""
        return self.loops[0].ctl_per_s("add")

    @property
    def turned_ns(self) -> int | None:
        """Boot clock: when the last wait on it ended or began, whatever was later; None if not known."""
        turns = [each.row.turn for each in self.loops if each.row.turn]
        return max((turn.returned_ns or turn.entered_ns for turn in turns), default=None)

    @cached_property
    def listeners(self) -> Mapping[int, Watch]:
        """Those that it watches, by inode; none if its list was not read."""
        found = {}
        for watch in self._watches:
            details = dict(watch.target.details)
            if details.get("state") == _LISTEN and isinstance(inode := details.get("inode"), int):
                found[inode] = watch
        return found

    @cached_property
    def has_connections(self) -> bool:
        """Whether it watches other sockets of TCP, as far as its list was read."""
        states = (dict(each.target.details).get("state") for each in self._watches)
        return any(state not in (None, _LISTEN) for state in states)

    @property
    def _watches(self) -> tuple[Watch, ...]:
        instance = self.loops[0].instance
        return instance.interest.watches if instance and instance.interest else ()


@dataclass(frozen=True)
class Kin(Generic[Loop]):
    """Workers in the order of their processes."""

    workers: tuple[Worker[Loop], ...]

    @cached_property
    def by_instance(self) -> Mapping[InstanceKey, Worker[Loop]]:
        return {each.key: each for each in self.workers}

    @cached_property
    def events_per_s(self) -> float:
        return sum(each.events_per_s for each in self.workers)

    @cached_property
    def imbalance(self) -> float | None:
        """The most events that one has, to those that each would have if all had as many."""
        return _imbalance([each.events_per_s for each in self.workers])

    @cached_property
    def busiest(self) -> Worker[Loop]:
        """With most events."""
        return max(self.workers, key=lambda each: each.events_per_s)

    @cached_property
    def siblings(self) -> Mapping[InstanceKey, tuple[int, Kin[Loop]]]:
        """Of each worker whose list was read, the inode of the listener that most others watch, too, and all these."""
        found: dict[int, list[Worker[Loop]]] = {}
        for worker in self.workers:
            for inode in worker.listeners:
                found.setdefault(inode, []).append(worker)
        shared = sorted(
            ((inode, some) for inode, some in found.items() if len(some) > 1), key=lambda each: len(each[1])
        )
        return {worker.key: (inode, kin) for inode, some in shared for kin in (Kin(tuple(some)),) for worker in some}

    @cached_property
    def awake(self) -> Kin[Loop]:
        """Those that wake at least half as often as the one that wakes most."""
        least = max(each.wakes_per_s for each in self.workers) / 2
        return Kin(tuple(each for each in self.workers if each.wakes_per_s >= least))

    @cached_property
    def wakes_per_s(self) -> float:
        """Of all."""
        return sum(each.wakes_per_s for each in self.workers)

    @cached_property
    def spread(self) -> float | None:
        """How far apart their last turns are, as a share of the time from one wake to the next.

        Workers that wake for the same connections turn together. Of three that wake by themselves, one time in thirty
        all do so within a fifth of that time.
        """
        known = [turned for each in self.workers if (turned := each.turned_ns) is not None]
        if len(known) < 2 or len(known) < len(self.workers):
            return None
        return (max(known) - min(known)) / 1e9 * self.wakes_per_s / len(self.workers)


def kin_by_instance(
    rows: Iterable[ProcessRow], floor: Floor, window_s: float, seen: LoopsSeen[Loop]
) -> dict[InstanceKey, Kin[Loop]]:
    """All groups of several workers that do enough for a rule.

    Args:
        rows: the processes that have loops.
        floor: what is enough.
        window_s: of the window.
        seen: makes the cases of loops, of these groups only.
    """
    least_events_per_s = min(floor.events_per_s, floor.wakes_per_s)
    found: dict[InstanceKey, Kin[Loop]] = {}
    for group in _related(rows):
        if sum(row.table("loops").per_s("events") for row in group) >= least_events_per_s:
            sums = _sums(group, window_s, seen)
            if len(sums) > 1 and _is_enough(sums.values(), floor):
                found |= dict.fromkeys(sums, Kin(_workers(sums, seen)))
    return found


_LISTEN = "LISTEN"


class _Sum(NamedTuple):
    """Of the loops on an instance."""

    events_per_s: float
    wakes_per_s: float
    loops: tuple[tuple[ProcessRow, int], ...]


def _related(rows: Iterable[ProcessRow]) -> Iterable[Sequence[ProcessRow]]:
    """Processes that came from one by fork, or children of one parent with one name."""
    rows = list(rows)
    forked = Counter(row.facts.image for row in rows)
    groups: dict[object, list[ProcessRow]] = {}
    for row in rows:
        image = row.facts.image
        key = image if image is not None and forked[image] > 1 else (row.facts.ppid, row.name)
        groups.setdefault(key, []).append(row)
    return groups.values()


def _sums(group: Iterable[ProcessRow], window_s: float, seen: LoopsSeen[Loop]) -> dict[InstanceKey, _Sum]:
    """By instance, of those that the process of the loop holds."""
    found: dict[InstanceKey, _Sum] = {}
    for row in group:
        held = seen.held(row)
        for at, (key, (events, wakes)) in enumerate(zip(seen.waited_on(row), row.loops.brought, strict=True)):
            if key in held:
                events_per_s, wakes_per_s, some = found.get(key, _NOBODY)
                found[key] = _Sum(events_per_s + events / window_s, wakes_per_s + wakes / window_s, (*some, (row, at)))
    return found


_NOBODY = _Sum(0.0, 0.0, ())


def _is_enough(sums: Collection[_Sum], floor: Floor) -> bool:
    if max(each.wakes_per_s for each in sums) >= floor.wakes_per_s:
        return True
    events = [each.events_per_s for each in sums]
    return sum(events) >= floor.events_per_s and (_imbalance(events) or 0.0) >= floor.imbalance


def _imbalance(events: Sequence[float]) -> float | None:
    mean = sum(events) / len(events)
    return max(events) / mean if mean else None


def _workers(sums: Mapping[InstanceKey, _Sum], seen: LoopsSeen[Loop]) -> tuple[Worker[Loop], ...]:
    return tuple(
        Worker(key, tuple(seen.loop(row, at) for row, at in each.loops), each.events_per_s, each.wakes_per_s)
        for key, each in sums.items()
    )
