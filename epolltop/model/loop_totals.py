"""What each loop did since the observation began, from its entries in the kernel's maps.

While its entry stays, that is what the entry tells. What is there no more, or never was, is past, and added to it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from epolltop.model.batch import Batch
from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes
from epolltop.model.loop_index import missing
from epolltop.model.loop_state import NO_TIMES, NOTHING, LoopState
from epolltop.model.loop_times import followed_by
from epolltop.model.rates import added


class LoopTotals:
    """Of all loops."""

    def __init__(self) -> None:
        self._told: Mapping[LoopKey, LoopCounts] = {}  # in the last batch
        self._past: dict[LoopKey, LoopCounts] = {}
        self._past_times: dict[LoopKey, LoopTimes] = {}

    def apply(
        self, batch: Batch, rises: Mapping[LoopKey, Sequence[int]], known: Mapping[LoopKey, LoopState]
    ) -> dict[LoopKey, LoopState]:
        """Takes in a batch, and answers the states of those that did something and have a past.

        Args:
            batch: the batch.
            rises: by how much its counters of loops rose; if they began anew, all that they are.
            known: what is known of each loop before it.
        """
        began_anew = (key for key, rise in rises.items() if isinstance(rise, LoopCounts) and key in self._told)
        for key in itertools.chain(began_anew, missing(self._told, batch.loops)):
            self._past[key] = known[key].counts
            self._past_times[key] = LoopTimes._make(known[key].times)
        self._told = batch.loops
        return {key: self._total(key, past, batch) for key, past in self._past.items() if key in rises}

    def wait_longer(self, key: LoopKey, by_ns: int, state: LoopState) -> LoopState:
        """With a wait that no entry tells."""
        longer = NOTHING.counts._replace(waiting_ns=by_ns)
        self._past[key] = added(self._past.get(key, NOTHING.counts), longer)
        return state._replace(counts=added(state.counts, longer))

    def forget(self, keys: Iterable[LoopKey]) -> None:
        """Drops some that no batch tells any more."""
        for key in keys:
            self._past.pop(key, None)
            self._past_times.pop(key, None)

    def _total(self, key: LoopKey, past: LoopCounts, batch: Batch) -> LoopState:
        times, past_times = batch.loop_times.get(key, NO_TIMES), self._past_times.get(key)
        times = followed_by(past_times, times) if past_times else times
        return LoopState(added(past, batch.loops[key]), times, batch.turns.get(key))
