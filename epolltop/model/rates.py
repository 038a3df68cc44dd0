"""Counters of any table: their sums and rates.

A record of counters is a NamedTuple of numbers. One more member in it has a total and a rate without further code.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

Record = TypeVar("Record", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Counted(Generic[Record]):
    """Counters since the start, and their rates over a window."""

    total: Record
    rates: tuple[float, ...]
    """A second, in the order of the counters."""

    def per_s(self, counter: str) -> float:
        """The rate of one of them."""
        return self.rates[self.total._fields.index(counter)]


def counted(now: Record, then: Record, window_s: float) -> Counted[Record]:
    """Counters with the rates at which they rose.

    Args:
        now: since the start.
        then: when the window began.
        window_s: its length; in one without length nothing has a rate.
    """
    if now is then or window_s <= 0:  # of nearly all processes
        return Counted(now, (0.0,) * len(now))
    return Counted(now, tuple([(is_now - was) / window_s for is_now, was in zip(now, then, strict=True)]))


def rate(rise: float, window_s: float) -> float:
    """A second."""
    return rise / window_s if window_s > 0 else 0.0


def added(left: Record, right: Record) -> Record:
    """Counter by counter."""
    return left._make(map(operator.add, left, right))


def fell(now: Record, then: Record) -> bool:
    """Whether a counter fell: then counting began anew."""
    return any(map(operator.lt, now, then))


def risen(now: Record, then: Record | None) -> Record:
    """The increase in between. A counter that fell, or did not exist, began anew from 0."""
    if then is None or fell(now, then):
        return now
    return now._make(map(operator.sub, now, then))
