"""Which processes may have incomplete counts.

The kernel's map of processes may have been full for a while. Then the totals count a call, but no process does. A
process that had an entry before, or started when there was room again, still has complete counts.

Creations by 32-bit programs may not be counted at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping

from epolltop.model.batch import Batch
from epolltop.model.counts import Counts
from epolltop.model.process import NS_PER_TICK, ProcessKey


class Completeness:
    """Learns from each batch which processes had their entry all the time."""

    def __init__(self) -> None:
        self._unattributed = 0  # in the last batch
        self._full_ns: int | None = None  # the map may have been full at any time before
        self._noted: Mapping[ProcessKey, Counts] = {}  # who had an entry in the last batch
        self._whole: frozenset[ProcessKey] = frozenset()  # of those: counted from their first act on
        self._unseen: frozenset[ProcessKey] = frozenset()  # 32-bit programs
        self.totals_lack = False
        """Whether the totals may be incomplete, too: calls of a 32-bit program, or calls for which no probe ran."""

    def apply(self, batch: Batch, met: Container[ProcessKey], covers: Callable[[ProcessKey], bool]) -> None:
        """Takes in one batch; batches come in order.

        Args:
            batch: the next.
            met: processes that /proc told about.
            covers: whether the totals are about a process, too.
        """
        if batch.source.unattributed != self._unattributed:
            if self._full_ns is None:
                self._whole = frozenset(self._noted)
            self._unattributed, self._full_ns = batch.source.unattributed, batch.now_ns
        if self._full_ns is not None:
            self._whole = self._whole.union(
                key for key in batch.counts.keys() - self._noted.keys() if self._came_later(key)
            )
        self._noted = batch.counts
        self.totals_lack = self.totals_lack or batch.source.missed > 0
        if not batch.source.sees_compat:
            compat = frozenset(key for key, process in batch.processes.items() if process.compat)
            self.totals_lack = self.totals_lack or any(map(covers, compat))
            # A process that ended before /proc was read may have been one, if it released more than it created.
            gone = (key for key, own in batch.counts.items() if key not in met and own.released > own.created)
            self._unseen = compat.union(gone)

    def keep(self, kept: Collection[ProcessKey]) -> None:
        """Forgets all other processes."""
        self._whole = self._whole.intersection(kept)

    def may_lack(self, process: ProcessKey) -> bool:
        """Whether some of its calls may be counted for no process."""
        if process in self._unseen:
            return True
        return self._full_ns is not None and process not in self._whole and not self._came_later(process)

    def _came_later(self, process: ProcessKey) -> bool:
        return self._full_ns is not None and process.start * NS_PER_TICK > self._full_ns
