"""What loops did in windows: the counters and buckets that a kernel map has of one, as differences and histograms."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from epolltop.model.histogram import Histogram
from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopTimes, Turn
from epolltop.model.rates import Counted, counted

_FIRST_BITS = 10
"""The first bucket is below 2**10 ns."""
NO_TIMES = LoopTimes()
_NOTHING = Histogram((), 0)


class Span(NamedTuple):
    """A window."""

    begin_ns: int
    since_ns: int
    """When counting began."""
    over_s: float


class RisenActivity(NamedTuple):
    """Implements Activity: what was known at the ends of a window; what follows from it is made when it is looked at.

    That takes 10 us, and most loops of a thousand are not on the screen.
    """

    total: LoopCounts
    then: LoopCounts
    times: Iterable[Any]
    """As in Batch.loop_times, like the next two."""
    times_then: Iterable[Any]
    longest: Iterable[Any]
    """Its maxima are those of the window."""
    turn: Turn | None
    """That the thread is in."""
    turn_then: Turn | None
    span: Span

    @property
    def is_at_rest(self) -> bool:
        """Nothing happened, or ended."""
        return self.total is self.then and self.turn is self.turn_then

    @property
    def counted(self) -> Counted[LoopCounts]:
        return counted(self.total, self.then, self.span.over_s)

    @property
    def waited_ns(self) -> int:
        return self._ended[0]

    @property
    def was_away_ns(self) -> int:
        return self._ended[1]

    @property
    def _ended(self) -> tuple[int, int]:
        begin_ns, since_ns, _ = self.span
        return ended(self.total, self.then, self.turn, self.turn_then, begin_ns=begin_ns, since_ns=since_ns)

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
