"""What each process did since the start, from the entries that the kernel has of it, one after the other.

A source frees the entry of a process that it cannot see, which may live all the same: what it does then is counted in a
new one, from 0 on.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping

from epolltop.model.batch import Counts, ProcessKey


class Tally:
    """Counts that never fall."""

    def __init__(self) -> None:
        self.counts: dict[ProcessKey, Counts] = {}
        """Of all that were not forgotten."""
        self._entries: Mapping[ProcessKey, Counts] = {}  # in the last batch
        self._former: dict[ProcessKey, Counts] = {}  # of whom the entry is not the first: what was counted in others

    def apply(self, entries: Mapping[ProcessKey, Counts]) -> None:
        """Takes in the entries of a batch: one that was missing in the last one, or fell since then, began anew."""
        before, self._entries = self._entries, entries
        for key, entry in entries.items():
            last = before.get(key)
            if entry == last:
                continue
            if key in self.counts and (last is None or any(map(operator.lt, entry, last))):
                self._former[key] = self.counts[key]
            former = self._former.get(key)
            self.counts[key] = Counts(*map(operator.add, former, entry)) if former else entry

    def forget(self, key: ProcessKey) -> Counts:
        """Forgets a process without an entry; returns its final counts."""
        self._former.pop(key, None)
        return self.counts.pop(key)
