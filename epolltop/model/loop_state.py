"""What is known of loops at a moment.

That is what the batch before it told, and what earlier ones did of entries that are there no more. A record may be one
that a source has not decoded yet: it iterates over its members, and has those as attributes that are looked at in each
window. While nothing happens it is the same object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes, ToldTimes
from epolltop.model.loop_times import NO_TIMES, followed_by
from epolltop.model.rates import added

NO_COUNTS = LoopCounts()


class Past(NamedTuple):
    """What a loop did that no entry tells any more."""

    counts: LoopCounts
    times: LoopTimes


class States(NamedTuple):
    """Of several loops, in the order of their keys: a column for each record."""

    counts: tuple[Any, ...]
    """LoopCounts since the observation began, like the next ones."""
    times: tuple[ToldTimes, ...]
    """As in Batch.loop_times."""
    turns: tuple[Any, ...]
    """Turns that the threads are in; None: one of another loop, or it is not known."""

    def are(self, others: States) -> bool:
        """Whether nothing happened in between."""
        return self.counts == others.counts and self.turns == others.turns

    def some(self, places: Iterable[int]) -> States:
        """Those at some places."""
        return States(*(tuple([column[place] for place in places]) for column in self))


@dataclass(frozen=True, slots=True)
class LoopsMark:
    """What is known of all loops, such as when a window begins."""

    now_ns: int
    """When that was."""
    counts: Mapping[LoopKey, Any] = field(default_factory=dict)
    """As the batch has them, like the next two."""
    times: Mapping[LoopKey, ToldTimes] = field(default_factory=dict)
    turns: Mapping[LoopKey, Any] = field(default_factory=dict)
    past: Mapping[LoopKey, Past] = field(default_factory=dict)
    """What is to be added."""

    def of(self, keys: Collection[LoopKey]) -> States:
        """Those of some loops."""
        states = States(
            tuple(map(self.counts.get, keys, repeat(NO_COUNTS))),
            tuple(map(self.times.get, keys, repeat(NO_TIMES))),
            tuple(map(self.turns.get, keys)),
        )
        if not self.past or self.past.keys().isdisjoint(keys):
            return states
        counts = [self._with_past(key, told) for key, told in zip(keys, states.counts, strict=True)]
        past = [self.past.get(key) for key in keys]
        times = [
            # Most of what no entry tells is a single wait from before the trace, which nobody timed.
            followed_by(one.times, told) if one and one.times is not NO_TIMES else told
            for one, told in zip(past, states.times, strict=True)
        ]
        return States(tuple(counts), tuple(times), states.turns)

    def did(self, key: LoopKey) -> LoopCounts:
        """All that a loop did."""
        return LoopCounts._make(self._with_past(key, self.counts.get(key, NO_COUNTS)))

    def waits(self, key: LoopKey) -> int:
        """How many of its waits returned."""
        told, past = self.counts.get(key, NO_COUNTS), self.past.get(key)
        waits: int = told.waits + (past.counts.waits if past else 0)
        return waits

    def without(self, forgotten: Collection[LoopKey]) -> LoopsMark:
        """The same, as if these had done nothing."""
        tables: list[Any] = [self.counts, self.times, self.turns, self.past]
        if not any(key in table for table in tables for key in forgotten):
            return self
        return LoopsMark(self.now_ns, *(without(forgotten, table) for table in tables))

    def _with_past(self, key: LoopKey, told: Any) -> Any:
        past = self.past.get(key)
        return added(past.counts, tuple(told)) if past else told


def without(forgotten: Iterable[LoopKey], known: Mapping[LoopKey, Any]) -> dict[LoopKey, Any]:
    """A copy of the rest."""
    kept = dict(known)
    for key in forgotten:
        kept.pop(key, None)
    return kept
