"""What loops did in windows: the counters and buckets that a kernel map has of one, as differences and histograms."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from epolltop.model.histogram import Histogram
from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopTimes, ToldTimes, Turn
from epolltop.model.rates import Counted, counted

NO_TIMES = LoopTimes()
_FIRST_BITS = 10
"""The first bucket is below 2**10 ns."""
_NOTHING = Histogram((), 0)
_OWN, _WAKE_RUNQ = (LoopTimes._fields[3:].index(name) for name in ("own_max_ns", "wake_runq_max_ns"))
_PARTS = slice(_OWN, _WAKE_RUNQ)
"""Of the maxima: the members of AwayParts."""


class AwayParts(NamedTuple):
    """What times away that ended in a window were made of: the most of each that one of them had, in nanoseconds."""

    own_ns: int = 0
    """The thread computed or slept; the rest is on run queues. 0 with a time away: it is not known."""
    cpu_ns: int = 0
    """It computed."""
    runq_ns: int = 0
    """It waited on a run queue for a CPU."""


NO_PARTS = AwayParts()


class RisenActivity(NamedTuple):
    """Implements Activity: what was known at the ends of a window.

    Rates and histograms are made when they are looked at. That takes 10 us, and most loops of a thousand are not on the
    screen.
    """

    total: LoopCounts
    then: LoopCounts
    waited_ns: int
    was_away_ns: int
    times: ToldTimes = NO_TIMES
    """As in Batch.loop_times, like the next two."""
    times_then: ToldTimes = NO_TIMES
    longest: ToldTimes = NO_TIMES
    """Its maxima are those of the window."""
    over_s: float = 0.0
    """How long the window was."""

    @property
    def is_at_rest(self) -> bool:
        return self.total is self.then and not (self.waited_ns or self.was_away_ns)

    def rise(self, counter: str) -> float:
        return getattr(self.total, counter) - getattr(self.then, counter)  # type: ignore[no-any-return]

    @property
    def away_max_ns(self) -> int:
        return 0 if self.total is self.then else self.longest.maxima[1] or self.away.largest

    @property
    def poll_delay_max_ns(self) -> int:
        if self.total.timeouts_met == self.then.timeouts_met:
            return 0
        return self.longest.maxima[2] or self.poll_delay.largest

    @property
    def parts(self) -> AwayParts:
        if self.total is self.then:
            return NO_PARTS
        return AwayParts._make(self.longest.maxima[_PARTS])

    @property
    def wake_runq_max_ns(self) -> int:
        return 0 if self.total is self.then else self.longest.maxima[_WAKE_RUNQ]

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


def highest(one: ToldTimes, other: ToldTimes) -> LoopTimes:
    """The maxima of both, without buckets."""
    return LoopTimes((), (), (), *map(max, one.maxima, other.maxima))


def ended(begin_ns: int, since_ns: int, counts: LoopCounts, then: LoopCounts, *turns: Turn | None) -> tuple[int, int]:
    """For how long a loop waited and was away in a window, in nanoseconds, without what is in progress.

    Args:
        begin_ns: when the window began.
        since_ns: when counting began.
        counts: of the loop.
        then: when the window began.
        turns: that its thread is in, and was in then.
    """
    turn, turn_then = turns
    waited_ns, was_away_ns = counts.waiting_ns - then.waiting_ns, counts.away_ns - then.away_ns
    if turn_then and not (
        turn and turn.returned_ns == turn_then.returned_ns and turn.entered_ns == turn_then.entered_ns
    ):  # it ended, and its part before the window is in them
        if turn_then.returned_ns:
            was_away_ns -= begin_ns - turn_then.returned_ns
        else:
            waited_ns -= begin_ns - (turn_then.entered_ns or since_ns)
    return (waited_ns if waited_ns > 0 else 0), (was_away_ns if was_away_ns > 0 else 0)


def busy(waited_ns: int, was_away_ns: int, turn: Turn | None, begin_ns: int, now_ns: int) -> float | None:
    """The share that a loop was away for; None if it neither waited nor was away.

    Args:
        waited_ns: in the window, like the next one, without what is in progress.
        was_away_ns: likewise.
        turn: what is in progress.
        begin_ns: when the window began.
        now_ns: when it ends.
    """
    if turn:
        since_ns = turn.returned_ns or turn.entered_ns
        present_ns = now_ns - (since_ns if since_ns > begin_ns else begin_ns)
        if present_ns > 0:
            if turn.returned_ns:
                was_away_ns += present_ns
            else:
                waited_ns += present_ns
    return was_away_ns / (was_away_ns + waited_ns) if was_away_ns + waited_ns > 0 else None


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
