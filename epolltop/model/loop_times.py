"""How long loops waited and were away: the buckets that a kernel map has of one, as histograms of windows."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from epolltop.model.histogram import Histogram
from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopTimes, Turn

_FIRST_BITS = 10
"""The first bucket is below 2**10 ns."""
_NOTHING = Histogram((), 0)


class RisenTimes(NamedTuple):
    """Implements WindowTimes: the difference of what was known at the ends of a window, made when it is looked at.

    That takes 5 us, and most loops of a thousand are not on the screen.
    """

    now: LoopTimes
    then: LoopTimes
    longest: LoopTimes
    """Its maxima are those of the window."""

    @property
    def waiting(self) -> Histogram:
        return histogram(self.now.waiting, self.then.waiting, self.longest.waiting_max_ns)

    @property
    def away(self) -> Histogram:
        return histogram(self.now.away, self.then.away, self.longest.away_max_ns)

    @property
    def poll_delay(self) -> Histogram:
        return histogram(self.now.poll_delay, self.then.poll_delay, self.longest.poll_delay_max_ns)


def followed_by(past: LoopTimes, told: LoopTimes) -> LoopTimes:
    """The buckets of both, and the maxima of the second."""
    return told._replace(
        waiting=_added(past.waiting, told.waiting),
        away=_added(past.away, told.away),
        poll_delay=_added(past.poll_delay, told.poll_delay),
    )


def highest(one: LoopTimes, other: LoopTimes) -> LoopTimes:
    """The maxima of both; the buckets of the first."""
    return one._replace(
        waiting_max_ns=max(one.waiting_max_ns, other.waiting_max_ns),
        away_max_ns=max(one.away_max_ns, other.away_max_ns),
        poll_delay_max_ns=max(one.poll_delay_max_ns, other.poll_delay_max_ns),
    )


def ended(
    total: LoopCounts, then: LoopCounts, turn: Turn | None, turn_then: Turn | None, *, begin_ns: int, since_ns: int
) -> tuple[int, int]:
    """For how long a loop waited and was away in a window, in nanoseconds, without what is in progress.

    Args:
        total: its counters.
        then: when the window began.
        turn: that its thread is in.
        turn_then: that it was in when the window began.
        begin_ns: when that was.
        since_ns: when counting began.
    """
    waited_ns, was_away_ns = total.waiting_ns - then.waiting_ns, total.away_ns - then.away_ns
    if turn_then and not _goes_on(turn_then, turn):  # then its part before the window is in them
        if turn_then.returned_ns:
            was_away_ns -= begin_ns - turn_then.returned_ns
        else:
            waited_ns -= begin_ns - (turn_then.entered_ns or since_ns)
    return max(0, waited_ns), max(0, was_away_ns)


def _goes_on(then: Turn, now: Turn | None) -> bool:
    """Whether a wait, or a time away, is still the same."""
    return now is not None and (then.entered_ns, then.returned_ns) == (now.entered_ns, now.returned_ns)


def _added(past: tuple[int, ...], told: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(sum, itertools.zip_longest(past, told, fillvalue=0)))


def histogram(now: tuple[int, ...], then: tuple[int, ...], peak_ns: int) -> Histogram:
    """Of a window, in nanoseconds.

    Args:
        now: the buckets since the start.
        then: when the window began.
        peak_ns: the longest time in it.
    """
    rise = tuple([max(0, count - was) for count, was in zip(now, then, strict=False)]) if then else now
    if not any(rise):
        return _NOTHING
    top = max(at for at, count in enumerate(rise) if count)
    # The longest is at least what its bucket begins with, and the last bucket ends with it.
    largest = max(peak_ns, 1 << (_FIRST_BITS + top - 1) if top else 0)
    counts = (0,) * _FIRST_BITS + rise[: top + 1]
    if top == TIME_BUCKETS - 1:
        counts = (*counts[:-1], *(0,) * (largest.bit_length() - len(counts) + 1), counts[-1])
    return Histogram(counts, largest)
