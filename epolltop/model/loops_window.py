"""What one listener sees loops through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from epolltop.model.loop_activity import LoopKey, ToldTimes
from epolltop.model.loop_state import LoopsMark, States, without
from epolltop.model.loop_times import highest
from epolltop.model.measured_loops import MeasuredLoops
from epolltop.model.process import ProcessKey


class ShownLoops(NamedTuple):
    """What was shown of a process, and what it was made of."""

    loops: MeasuredLoops
    keys: tuple[LoopKey, ...]
    """All of its loops, with those that are over and did nothing in the window."""
    since_ns: tuple[int | None, ...]
    """By key, like the next one."""
    states: States
    known: LoopsMark
    """Where these are from."""


@dataclass
class MadeLoops:
    """What was made for windows that begin at the same time."""

    mark: LoopsMark
    longest: Mapping[LoopKey, ToldTimes]
    shown: dict[ProcessKey, ShownLoops] = field(default_factory=dict)


@dataclass
class LoopsWindow:
    """One listener's."""

    longest: Mapping[LoopKey, ToldTimes] = field(default_factory=dict)
    """The members of LoopTimes, with the maxima since its mark."""
    shown: dict[ProcessKey, ShownLoops] = field(default_factory=dict)
    """In the last snapshot."""
    renewed: set[ProcessKey] = field(default_factory=set)
    """Processes with other news since than what their loops did."""

    def hear(self, times: Mapping[LoopKey, ToldTimes], rose: Collection[LoopKey]) -> None:
        """Takes in those of a batch, and which of the loops did something."""
        if not self.longest:
            self.longest = times
            return
        told = {key: times[key] for key in rose if key in times}
        both = {key: highest(one, self.longest[key]) if key in self.longest else one for key, one in told.items()}
        self.longest = {**self.longest, **both}

    def note(self, renewed: Iterable[ProcessKey]) -> None:
        """Takes in whose rows may be others, whatever their loops did."""
        self.renewed.update(process for process in renewed if process in self.shown)

    def forget(self, keys: Collection[LoopKey]) -> None:
        """Some that are gone."""
        if any(key in self.longest for key in keys):
            self.longest = without(keys, self.longest)
