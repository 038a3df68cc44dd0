"""What each loop did since the observation began, from its entries in the kernel's maps.

While its entry stays, that is what the entry tells. What is there no more, or never was, is past, and added to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from epolltop.model.batch import Batch
from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes
from epolltop.model.loop_times import NO_TIMES, followed_by
from epolltop.model.rates import added

_NONE = LoopCounts()


class LoopTotals:
    """Of all loops. Both mappings are others after each batch, with the same objects for what did nothing."""

    def __init__(self) -> None:
        self.counts: Mapping[LoopKey, LoopCounts] = {}
        self.times: Mapping[LoopKey, Iterable[Any]] = {}
        """As in Batch.loop_times."""
        self._told: Mapping[LoopKey, LoopCounts] = {}  # in the last batch
        self._past: dict[LoopKey, LoopCounts] = {}
        self._past_times: dict[LoopKey, LoopTimes] = {}

    def apply(self, batch: Batch, rises: Mapping[LoopKey, Sequence[int]]) -> None:
        """Takes in a batch.

        Args:
            batch: the batch.
            rises: by how much its counters of loops rose; if they began anew, all that they are.
        """
        began_anew = (key for key, rise in rises.items() if isinstance(rise, LoopCounts) and key in self._told)
        for key in itertools.chain(began_anew, missing(self._told, batch.loops)):
            self._past[key] = self.counts[key]
            if key in self.times:
                self._past_times[key] = LoopTimes._make(self.times[key])
        totals = {
            key: added(past, batch.loops[key]) if key in rises else self.counts[key]
            for key, past in self._past.items()
        }  # fmt: skip
        took = {
            key: followed_by(past, batch.loop_times.get(key, NO_TIMES)) if key in rises else self.times[key]
            for key, past in self._past_times.items()
        }
        self.counts = {**batch.loops, **totals} if totals else batch.loops
        self.times = {**batch.loop_times, **took} if took else batch.loop_times
        self._told = batch.loops

    def wait_longer(self, by_ns: Mapping[LoopKey, int]) -> None:
        """Adds waits that no entry tells."""
        if not by_ns:
            return
        longer = {key: _NONE._replace(waiting_ns=ns) for key, ns in by_ns.items()}
        self._past.update((key, added(self._past.get(key, _NONE), one)) for key, one in longer.items())
        totals = {key: added(self.counts.get(key, _NONE), one) for key, one in longer.items()}
        self.counts = {**self.counts, **totals}

    def forget(self, keys: Collection[LoopKey]) -> None:
        """Drops some that no batch tells any more."""
        self.counts, self.times = without(keys, self.counts), without(keys, self.times)
        for key in keys:
            self._past.pop(key, None)
            self._past_times.pop(key, None)


def missing(before: Mapping[LoopKey, object], now: Mapping[LoopKey, object]) -> set[LoopKey]:
    """The keys that are there no more."""
    return set() if before.keys() == now.keys() else before.keys() - now.keys()


def without(forgotten: Iterable[LoopKey], known: Mapping[LoopKey, Any]) -> dict[LoopKey, Any]:
    """A copy of the rest."""
    kept = dict(known)
    for key in forgotten:
        kept.pop(key, None)
    return kept
