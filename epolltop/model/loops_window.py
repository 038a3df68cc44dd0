"""What one listener sees loops through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from epolltop.model.loop_activity import LoopCounts, LoopKey, Turn
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import highest
from epolltop.model.loop_totals import without
from epolltop.model.process import ProcessKey

_NONE = LoopCounts()


@dataclass(frozen=True, slots=True)
class LoopsMark:
    """What is known at a moment, such as that when a window begins."""

    now_ns: int
    """When that was."""
    counts: Mapping[LoopKey, LoopCounts] = field(default_factory=dict)
    """Since the observation began."""
    times: Mapping[LoopKey, Iterable[Any]] = field(default_factory=dict)
    """As in Batch.loop_times."""
    turns: Mapping[LoopKey, Turn] = field(default_factory=dict)

    def did(self, key: LoopKey) -> LoopCounts:
        """All that a loop did."""
        return self.counts.get(key, _NONE)

    def without(self, forgotten: Collection[LoopKey]) -> LoopsMark:
        """The same, as if these had done nothing."""
        parts = (self.counts, self.times, self.turns)
        if not any(key in part for key in forgotten for part in parts):
            return self
        return LoopsMark(self.now_ns, *(without(forgotten, part) for part in parts))


@dataclass
class LoopsWindow:
    """One listener's."""

    longest: Mapping[LoopKey, Iterable[Any]] = field(default_factory=dict)
    """The members of LoopTimes, with the maxima since its mark."""
    shown: dict[ProcessKey, tuple[LoopRow, ...]] = field(default_factory=dict)
    """In the last snapshot."""
    lively: set[ProcessKey] = field(default_factory=set)
    """Processes whose rows change without news about them, for instance because the window begins later."""
    changes: int = 0
    """How many there had been at the last snapshot."""
    begin_ns: int = 0
    """When its window began."""

    def hear(self, times: Mapping[LoopKey, Iterable[Any]], rose: Collection[LoopKey]) -> None:
        """Takes in those of a batch, and which of the loops did something."""
        if not self.longest:
            self.longest = times
            return
        told = {key: times[key] for key in rose if key in times}
        both = {key: highest(one, self.longest[key]) if key in self.longest else one for key, one in told.items()}
        self.longest = {**self.longest, **both}

    def forget(self, keys: Collection[LoopKey]) -> None:
        """Some that are gone."""
        if any(key in self.longest for key in keys):
            self.longest = without(keys, self.longest)
