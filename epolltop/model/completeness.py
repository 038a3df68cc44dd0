"""Whose counts may lack something.

The kernel's map of processes may have been full for a while: what finds it full is counted in the totals, but for no
process. Who had an entry before, or came when there was room again, is counted wholly all the same.

What 32-bit programs create may not be counted at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping

from epolltop.model.batch import NS_PER_TICK, Batch, Counts, ProcessKey


class Completeness:
    """Learns from each batch which processes had their entry all the time."""

    def __init__(self) -> None:
        self._unattributed = 0  # in the last batch
        self._full_ns: int | None = None  # the map may have been full at any time before
        self._noted: Mapping[ProcessKey, Counts] = {}  # who had an entry in the last batch
        self._whole: frozenset[ProcessKey] = frozenset()  # of those: counted from their first act on
        self._unseen: frozenset[ProcessKey] = frozenset()  # 32-bit programs
        self.totals_lack = False
        """Whether the totals, too, may lack something: what a 32-bit program did, or what no probe was run for."""

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
            # Who was gone before /proc was asked, and released what nobody saw it create, may have been one.
            gone = (key for key, own in batch.counts.items() if key not in met and own.released > own.created)
            self._unseen = compat.union(gone)

    def keep(self, kept: Collection[ProcessKey]) -> None:
        """Forgets all other processes."""
        self._whole = self._whole.intersection(kept)

    def may_lack(self, process: ProcessKey) -> bool:
        """Whether something that it did may be counted for nobody."""
        if process in self._unseen:
            return True
        return self._full_ns is not None and process not in self._whole and not self._came_later(process)

    def _came_later(self, process: ProcessKey) -> bool:
        return self._full_ns is not None and process.start * NS_PER_TICK > self._full_ns
