"""What loops did in windows: the counters and buckets that a kernel map has of one, as differences and histograms."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from epolltop.model.histogram import Histogram
from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopTimes, Turn
from epolltop.model.loop_state import NO_TIMES, LoopState
from epolltop.model.rates import Counted, counted

_FIRST_BITS = 10
"""The first bucket is below 2**10 ns."""
_NOTHING = Histogram((), 0)


class RisenActivity(NamedTuple):
    """Implements Activity: what was known at the ends of a window.

    Rates and histograms are made when they are looked at. That takes 10 us, and most loops of a thousand are not on the
    screen.
    """

    total: LoopCounts
    then: LoopCounts
    waited_ns: int
    was_away_ns: int
    times: Iterable[Any] = NO_TIMES
    """As in Batch.loop_times, like the next two."""
    times_then: Iterable[Any] = NO_TIMES
    longest: Iterable[Any] = NO_TIMES
    """Its maxima are those of the window."""
    over_s: float = 0.0
    """How long the window was."""

    @property
    def is_at_rest(self) -> bool:
        return self.total is self.then and not (self.waited_ns or self.was_away_ns)

    @property
    def counted(self) -> Counted[LoopCounts]:
        return counted(self.total, self.then, self.over_s)

    @property
    def waiting(self) -> Histogram:
        now, then, longest = self._times
        return histogram(now.waiting, then.waiting, longest.waiting_max_ns)

    @property
    def away(self) -> Histogram:
        now, then, longest = self._times
        return histogram(now.away, then.away, longest.away_max_ns)

    @property
    def poll_delay(self) -> Histogram:
        now, then, longest = self._times
        return histogram(now.poll_delay, then.poll_delay, longest.poll_delay_max_ns)

    @property
    def _times(self) -> Iterator[LoopTimes]:
        return map(LoopTimes._make, (self.times, self.times_then, self.longest))


def followed_by(past: LoopTimes, told: Iterable[Any]) -> LoopTimes:
    """The buckets of both, and the maxima of the second."""
    now = LoopTimes._make(told)
    return now._replace(
        waiting=_added(past.waiting, now.waiting),
        away=_added(past.away, now.away),
        poll_delay=_added(past.poll_delay, now.poll_delay),
    )


def highest(one: Iterable[Any], other: Iterable[Any]) -> LoopTimes:
    """The maxima of both, without buckets."""
    return LoopTimes((), (), (), *map(max, itertools.islice(one, 3, None), itertools.islice(other, 3, None)))


def ended(total: LoopCounts, turn: Turn | None, then: LoopState, begin_ns: int, since_ns: int) -> tuple[int, int]:
    """For how long a loop waited and was away in a window, in nanoseconds, without what is in progress.

    Args:
        total: its counters.
        turn: that its thread is in.
        then: what was known when the window began.
        begin_ns: when that was.
        since_ns: when counting began.
    """
    counts, _, before = then
    waited_ns, was_away_ns = total.waiting_ns - counts.waiting_ns, total.away_ns - counts.away_ns
    if before and not (
        turn and turn.returned_ns == before.returned_ns and turn.entered_ns == before.entered_ns
    ):  # it ended, and its part before the window is in them
        if before.returned_ns:
            was_away_ns -= begin_ns - before.returned_ns
        else:
            waited_ns -= begin_ns - (before.entered_ns or since_ns)
    return (waited_ns if waited_ns > 0 else 0), (was_away_ns if was_away_ns > 0 else 0)


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
