"""Creations that no probe saw, inferred from later events.

If only 64-bit calls are traced, other calls (int $0x80, x32) still create instances. If such an instance ends before a
census, there is a release of something unknown. If it lives on, a census after the first one finds it, and the next one
still knows no birth. One census is not enough: a descriptor is in its table a moment before the probe notes the birth,
and the event may be lost.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Iterable

from epolltop.model.batch import Batch
from epolltop.model.event import Event, Kind
from epolltop.model.holding import Census
from epolltop.model.process import ProcessKey
from epolltop.model.source import Source


class Unseen:
    """Lower bounds: they lack instances whose event was left out in a storm, or that a kernel thread dropped."""

    def __init__(self) -> None:
        self._number: collections.Counter[ProcessKey] = collections.Counter()
        self._past = 0  # of processes that are no longer kept
        self._met_ns: int | None = None  # when all that is older had been met
        self._looked_ns = 0  # when the last census began
        self._dropped: tuple[frozenset[int], ...] = ()  # files, by each of the last two censuses
        self._found: dict[int, ProcessKey] = {}  # who holds the files that the last census found

    def hear(self, batch: Batch, told: Iterable[Event]) -> None:
        """Takes in what happened; batches come in order, and of each the events before what its census tells.

        Args:
            batch: in which it is told.
            told: some of its events, or what its census tells, each with the identity of its instance as far as it is
                known.
        """
        source = batch.source
        if batch.census is not None and batch.census.cut:
            self._met_ns = None  # what is older may not have been shown
        met_ns = self._met_ns
        if not _has_room(source):
            self._found.clear()  # their births may be missing for want of it
        elif met_ns is not None and source.exact:
            for event in told:
                if event.file in self._found:
                    self._end_doubt(event)
                elif not event.since_ns or event.kind is Kind.FOUND:  # of nearly all others the instance is known
                    self._take(event, met_ns)

    def look(self, batch: Batch, census: Census, inferred: Iterable[Event]) -> None:
        """Takes in a census.

        Args:
            batch: in which it came.
            census: of that batch.
            inferred: what it tells that no event told.
        """
        if self._found and _has_room(batch.source):
            self._confirm(census)
        self.hear(batch, inferred)
        if census.by_address and not census.cut:
            gone = frozenset(event.file for event in inferred if event.kind is Kind.GONE)
            self._dropped = (gone, *self._dropped[:1])
            self._looked_ns = census.started_ns
            if self._met_ns is None:
                self._met_ns = batch.now_ns

    def _take(self, event: Event, met_ns: int) -> None:
        if event.kind is Kind.CREATE:
            self._number[event.process] -= 1  # closed before the call returned: its end is that of something unknown
        elif event.kind is Kind.FOUND:
            self._found[event.file] = event.process
        elif event.kind is Kind.RELEASE and not event.by_kernel and event.time_ns >= met_ns:
            # A census may have been quicker than the event, or have missed what was in flight.
            dropped = event.time_ns < self._looked_ns or any(event.file in files for files in self._dropped)
            self._number[event.process] += not dropped

    def _end_doubt(self, event: Event) -> None:
        """The next event of what a census found tells whether a probe saw its creation."""
        holder = self._found.pop(event.file)
        self._number[holder] += event.kind is Kind.RELEASE and not event.created_ns

    def _confirm(self, census: Census) -> None:
        """Still without a birth is what no probe saw; nothing is known of what this census does not show."""
        born_unseen = {each.file for each in census.holdings if each.file in self._found and not each.created_ns}
        self._number.update(self._found[file] for file in born_unseen)
        self._found.clear()

    def of(self, process: ProcessKey) -> bool:
        """Whether some of its creations may be among them."""
        return self._number[process] > 0

    def number(self, covers: Callable[[ProcessKey], bool]) -> int:
        """How many there are at least, of selected processes."""
        return self._past + sum(number for key, number in self._number.items() if number > 0 and covers(key))

    def keep(self, kept: Collection[ProcessKey], covers: Callable[[ProcessKey], bool]) -> None:
        """Forgets all other processes, but not how many of theirs there were."""
        for key in [key for key in self._number if key not in kept]:
            number = self._number.pop(key)
            self._past += max(0, number) * covers(key)


def _has_room(source: Source) -> bool:
    """Whether every birth that a probe saw is noted."""
    return source.overflowed == source.unattributed
