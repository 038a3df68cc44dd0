"""The counts of each process since the start, from its entries in the kernel's maps, whatever their keys.

A source frees the entry of a process that it cannot see, but the process may still be alive. Its later calls are then
counted in a new entry, from 0 on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from epolltop.model.batch import TABLES, Batch, CounterTable
from epolltop.model.packed_counters import PackedCounters, packed_rise
from epolltop.model.process import ProcessKey
from epolltop.model.rates import Counted, Rise, added, counted, rate, risen, summed

Key = TypeVar("Key")

ByTable = Mapping[str, Mapping[ProcessKey, Any]]
"""Records of counters by table and process."""

Rises = Mapping[str, Mapping[Any, Rise]]
"""By how much counters rose, by table and key."""


class Entries:
    """Those of a table, batch after batch."""

    def __init__(self) -> None:
        self._last: Mapping[Any, Any] = {}

    def rises(self, entries: Mapping[Any, Any]) -> dict[Any, Rise]:
        """Takes in those of a batch: what changed, and by how much each counter rose, see `risen`."""
        before, self._last = self._last, entries
        if before is entries:
            return {}
        rise = packed_rise if isinstance(next(iter(entries.values()), None), PackedCounters) else risen
        return {
            key: rise(entry, last)
            for key, entry in entries.items()
            if (last := before.get(key)) is not entry and entry != last
        }


class Tally(Generic[Key]):
    """The counters of a table by what they are about, nearly always a process. They never fall."""

    def __init__(self, table: CounterTable) -> None:
        self.counts: dict[Key, Any] = {}
        """The counts of all that were not forgotten."""
        self.none = table.none
        """The record of what did nothing."""
        self._nothing = counted(table.none, table.none, 0.0)  # one for all: kept snapshots have thousands
        self._past = table.none  # of those that were forgotten and count

    def apply(self, rises: Mapping[Any, Rise], about: Callable[[Any], Key]) -> None:
        """Adds what the entries of a batch rose by."""
        by_who: dict[Key, list[Rise]] = {}
        for key, rise in rises.items():
            by_who.setdefault(about(key), []).append(rise)
        counts, none = self.counts, self.none
        counts.update((who, summed(counts.get(who, none), rose)) for who, rose in by_who.items())

    def of(self, who: Key) -> Any:
        """What one did."""
        return self.counts.get(who, self.none)

    def counted(self, who: Key, then: Any, window_s: float) -> Counted[Any]:
        """What one did, and the rates since it had done that."""
        counts = self.of(who)
        return self._nothing if counts is then is self.none else counted(counts, then, window_s)

    def sum(self, covers: Callable[[Key], bool]) -> Any:
        """The sum for those that are selected, including forgotten ones."""
        total = self._past
        for who, counts in self.counts.items():
            if covers(who):
                total = added(total, counts)
        return total

    def forget(self, who: Key, *, covered: bool) -> None:
        """Forgets one without an entry; if it is covered, its counts stay in the sum."""
        counts = self.counts.pop(who, None)
        if counts is not None and covered:
            self._past = added(self._past, counts)


class Tallies:
    """One for each table of a batch."""

    def __init__(self) -> None:
        self._tallies: dict[str, Tally[ProcessKey]] = {name: Tally(table) for name, table in TABLES.items()}
        self._entries = {name: Entries() for name in TABLES}

    def __getitem__(self, table: str) -> Tally[ProcessKey]:
        return self._tallies[table]

    def __contains__(self, process: ProcessKey) -> bool:
        return any(process in tally.counts for tally in self._tallies.values())

    def apply(self, batch: Batch) -> Rises:
        """Takes in all tables of a batch; batches come in order."""
        rises = {name: entries.rises(getattr(batch, name)) for name, entries in self._entries.items()}
        for name, tally in self._tallies.items():
            tally.apply(rises[name], TABLES[name].process_of)
        return rises

    def processes(self) -> set[ProcessKey]:
        """All that did something and were not forgotten."""
        return {process for tally in self._tallies.values() for process in tally.counts}

    def marked(self) -> ByTable:
        """As they are now."""
        return {name: dict(tally.counts) for name, tally in self._tallies.items()}

    def acted(self, since: ByTable) -> set[ProcessKey]:
        """The processes whose counts rose since then."""
        none: Mapping[ProcessKey, Any] = {}
        return {
            process
            for name, tally in self._tallies.items()
            for then in (since.get(name, none),)
            for process, counts in tally.counts.items()
            if counts != then.get(process, tally.none)
        }

    def counted(self, process: ProcessKey, since: ByTable, window_s: float) -> tuple[Counted[Any], ...]:
        """The counts of a process and their rates since then, in the order of the tables."""
        return tuple(
            [
                tally.counted(process, since[name].get(process, tally.none) if since else tally.none, window_s)
                for name, tally in self._tallies.items()
            ]
        )

    def rates(self, table: str, counters: Sequence[str], since: ByTable, window_s: float) -> dict[ProcessKey, float]:
        """The rates of the sum of some counters since then, by the processes for which it rose."""
        then, tally = since.get(table, {}), self._tallies[table]

        def summed(counts: Any) -> int:
            return sum([getattr(counts, counter) for counter in counters])

        rises = (
            (process, summed(counts) - summed(then.get(process, tally.none)))
            for process, counts in tally.counts.items()
        )
        return {process: rate(rise, window_s) for process, rise in rises if rise}

    def forget(self, processes: Iterable[ProcessKey], covers: Callable[[ProcessKey], bool]) -> None:
        """Drops those; the sums keep what covered ones did."""
        for process in processes:
            covered = covers(process)
            for tally in self._tallies.values():
                tally.forget(process, covered=covered)
