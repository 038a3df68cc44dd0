"""What one listener sees loops through."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes, Turn
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey

Known = TypeVar("Known")


class LoopsMark(NamedTuple):
    """What was known when a window began."""

    now_ns: int
    """When that was."""
    counts: Mapping[LoopKey, LoopCounts] = {}
    times: Mapping[LoopKey, LoopTimes] = {}
    turns: Mapping[LoopKey, Turn] = {}

    def without(self, forgotten: Collection[LoopKey]) -> LoopsMark:
        """The same, as if these had done nothing."""
        if not any(key in self.counts or key in self.turns for key in forgotten):
            return self
        return LoopsMark(
            self.now_ns,
            _without(forgotten, self.counts),
            _without(forgotten, self.times),
            _without(forgotten, self.turns),
        )


@dataclass
class LoopsWindow:
    """One listener's."""

    longest: dict[LoopKey, LoopTimes] = field(default_factory=dict)
    """With the maxima since its mark."""
    shown: dict[ProcessKey, tuple[LoopRow, ...]] = field(default_factory=dict)
    """In the last snapshot."""
    lively: set[ProcessKey] = field(default_factory=set)
    """Processes whose rows change without news about them, for instance because the window begins later."""
    changes: int = 0
    """How many there had been at the last snapshot."""
    begin_ns: int = 0
    """When its window began."""


def _without(forgotten: Container[LoopKey], known: Mapping[LoopKey, Known]) -> dict[LoopKey, Known]:
    return {key: one for key, one in known.items() if key not in forgotten}
