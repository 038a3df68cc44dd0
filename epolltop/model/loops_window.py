"""What one listener sees loops through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from epolltop.model.loop_activity import LoopCounts, LoopKey
from epolltop.model.loop_state import NOTHING, LoopState
from epolltop.model.loop_times import highest
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops


@dataclass(frozen=True, slots=True)
class LoopsMark:
    """What is known at a moment, such as that when a window begins."""

    now_ns: int
    """When that was."""
    states: Mapping[LoopKey, LoopState] = field(default_factory=dict)

    def did(self, key: LoopKey) -> LoopCounts:
        """All that a loop did."""
        return self.states.get(key, NOTHING).counts

    def without(self, forgotten: Collection[LoopKey]) -> LoopsMark:
        """The same, as if these had done nothing."""
        if not any(key in self.states for key in forgotten):
            return self
        return LoopsMark(self.now_ns, _without(forgotten, self.states))


@dataclass
class LoopsWindow:
    """One listener's."""

    longest: Mapping[LoopKey, Iterable[Any]] = field(default_factory=dict)
    """The members of LoopTimes, with the maxima since its mark."""
    shown: dict[ProcessKey, ProcessLoops] = field(default_factory=dict)
    """In the last snapshot."""
    states: Mapping[LoopKey, LoopState] = field(default_factory=dict)
    """What was known then."""
    lively: set[ProcessKey] = field(default_factory=set)
    """Processes with rows that change without news about them, for instance because the window begins later."""
    changed: set[ProcessKey] = field(default_factory=set)
    """Processes with loops that have another state since."""
    renewed: set[ProcessKey] = field(default_factory=set)
    """Processes with other news since, which may be about all their loops."""
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

    def note(self, changed: Iterable[ProcessKey], renewed: Iterable[ProcessKey]) -> None:
        """Takes in whose rows may be others. Those of a process that was not shown are made anyway."""
        self.changed.update(process for process in changed if process in self.shown)
        self.renewed.update(process for process in renewed if process in self.shown)

    def forget(self, keys: Collection[LoopKey]) -> None:
        """Some that are gone."""
        if any(key in self.longest for key in keys):
            self.longest = _without(keys, self.longest)


def _without(forgotten: Iterable[LoopKey], known: Mapping[LoopKey, Any]) -> dict[LoopKey, Any]:
    """A copy of the rest."""
    kept = dict(known)
    for key in forgotten:
        kept.pop(key, None)
    return kept
