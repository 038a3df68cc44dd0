"""How long loops waited and were away: the buckets that a kernel map has of one, as histograms of windows."""

from __future__ import annotations

import itertools
import operator
from typing import NamedTuple

from epolltop.model.histogram import Histogram
from epolltop.model.loop_activity import TIME_BUCKETS

_FIRST_BITS = 10
"""The first bucket is below 2**10 ns."""
_NOTHING = Histogram((), 0)


class Peaks(NamedTuple):
    """The longest times of a window, in nanoseconds."""

    waiting: int = 0
    away: int = 0
    poll_delay: int = 0


def went_on(known: tuple[int, ...], now: tuple[int, ...], last: tuple[int, ...]) -> tuple[int, ...]:
    """The buckets since the start.

    Args:
        known: so far.
        now: what the entry in the kernel has, which may begin anew.
        last: what it had when that was known.
    """
    if any(map(operator.lt, now, last)):
        last = ()
    if known == last:
        return now
    return tuple(map(sum, itertools.zip_longest(known, now, [-count for count in last], fillvalue=0)))


def histogram(now: tuple[int, ...], then: tuple[int, ...], peak_ns: int) -> Histogram:
    """Of a window, in nanoseconds.

    Args:
        now: the buckets since the start.
        then: when the window began.
        peak_ns: the longest time in it.
    """
    if now is then:
        return _NOTHING
    rise = tuple(map(operator.sub, now, then)) if then else now
    if not any(rise):
        return _NOTHING
    top = max(at for at, count in enumerate(rise) if count)
    # The longest is at least what its bucket begins with, and the last bucket ends with it.
    largest = max(peak_ns, 1 << (_FIRST_BITS + top - 1) if top else 0)
    counts = (0,) * _FIRST_BITS + rise[: top + 1]
    if top == TIME_BUCKETS - 1:
        counts = (*counts[:-1], *(0,) * (largest.bit_length() - len(counts) + 1), counts[-1])
    return Histogram(counts, largest)
