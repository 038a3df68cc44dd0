"""Counters of any table: their sums and rates.

A record of counters is a NamedTuple of numbers. One more member in it has a total and a rate without further code.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from epolltop.model.packed_counters import PackedCounters, counters

Rise = Any
"""By how much the counters of a record rose: as many numbers. Packed ones rose by one number, or are new."""
Record = TypeVar("Record", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Counted(Generic[Record]):
    """Counters since the start, and by how much they rose in a window."""

    total: Record
    rises: tuple[float, ...]
    """In the order of the counters."""
    over_s: float = 1.0
    """How long the window was."""

    def per_s(self, counter: str) -> float:
        """The rate of one of them; 0 in a window without length."""
        return rate(self.rises[self.total._fields.index(counter)], self.over_s)


def counted(now: Record, then: Record, window_s: float) -> Counted[Record]:
    """Counters with the rates at which they rose.

    Args:
        now: since the start.
        then: when the window began.
        window_s: its length.
    """
    if now is then or now == then:  # as for nearly all processes; the length does not matter
        return Counted(now, (0,) * len(now))
    return Counted(now, tuple(map(operator.sub, now, then)), window_s)


def rate(rise: float, window_s: float) -> float:
    """A second."""
    return rise / window_s if window_s > 0 else 0.0


def added(left: Record, right: Sequence[int]) -> Record:
    """Counter by counter."""
    return left._make(map(operator.add, left, right))


def summed(record: Record, rises: Sequence[Rise]) -> Record:
    """With all that it rose by, counter by counter.

    Args:
        record: the counters before.
        rises: see `risen`; packed ones, or none is.
    """
    if isinstance(rises[0], int | PackedCounters):
        return added(record, counters(sum(map(int, rises)), len(record)))
    return record._make(map(sum, zip(record, *rises, strict=True)))


def risen(now: Record, then: Record | None) -> Sequence[int]:
    """The increase in between, by counter. If one fell, or none existed, all began anew from 0: then it is `now`."""
    if then is None:
        return now
    rises = tuple(map(operator.sub, now, then))
    return now if min(rises) < 0 else rises
