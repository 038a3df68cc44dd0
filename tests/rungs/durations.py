"""How long threads waited, and were away in between: by the clock readings around, so within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from epolltop.model.histogram import Histogram
from epolltop.model.loop_row import LoopRow

from .files import Bounds, Thread, Wait, Waited
from .oracle import Oracle

_BITS_MIN = 10
"""Of the nanoseconds of all that is in the first bucket."""

_SCHEDULER_TICK_NS = 10_000_000
_EARLY_NS = 1_000_000
"""A timeout that is met may seem that much too short: timers and probes go by different clocks of the kernel."""


class Turned(NamedTuple):
    """A wait that returned, and the time away after it."""

    waited: Waited
    away: Bounds | None
    """None: it is not over."""
    entries: bool
    """As in Coverage."""

    @property
    def waiting(self) -> Bounds:
        """The time in it, hardly less than a timeout that was met."""
        entered, returned = self.waited.wait.entered, self.waited.returned
        met_ns = (self._met or 0) - _EARLY_NS if self.entries else 0
        return max(0, met_ns, returned[0] - entered[1]), returned[1] - entered[0]

    @property
    def poll_delay(self) -> Bounds | None:
        """By how much it exceeded a timeout that was met."""
        return (max(0, self.waiting[0] - self._met), self.waiting[1] - self._met) if self._met else None

    @property
    def _met(self) -> int | None:
        return None if self.waited.result else self.waited.wait.asked.timeout_ns


def turned(oracle: Oracle, *, entries: bool) -> list[Turned]:
    """All that happened; entries as in Coverage."""
    last: dict[tuple[Thread, int], Waited] = {}  # who executes a program goes on as another thread
    away: dict[Waited, Bounds] = {}
    for waited in oracle.waited:
        thread = waited.by, waited.tid
        if thread in last:
            away[last[thread]] = _between(last[thread], waited.wait)
        last[thread] = waited
    for each in oracle.waiting():
        before = last.get((each, each.tid))
        if before and each.wait:
            away[before] = _between(before, each.wait)
    return [Turned(waited, away.get(waited), entries) for waited in oracle.waited]


def compare(what: str, turns: Sequence[Turned], rows: Sequence[LoopRow], delays: int) -> Iterator[str]:
    """Differences of one loop, or of several that cannot be told apart, of which so many waits seem to be delayed."""
    waiting = [turn.waiting for turn in turns]
    away = [turn.away for turn in turns if turn.away]
    delayed = [turn.poll_delay for turn in turns if turn.poll_delay]
    yield from _distribution(f"{what} waited", waiting, [row.did.waiting for row in rows])
    yield from _distribution(f"{what} was away", away, [row.did.away for row in rows])
    if delays == len(delayed):  # else it is not known which
        yield from _distribution(f"{what} exceeded its timeouts", delayed, [row.did.poll_delay for row in rows])
    yield from _sum(f"{what} waited", waiting, sum(row.did.counted.total.waiting_ns for row in rows))
    yield from _sum(f"{what} was away", away, sum(row.did.counted.total.away_ns for row in rows))
    yield from _cpu(f"{what} used", [*waiting, *away], sum(row.did.counted.total.cpu_ns for row in rows))
    yield from _cpu(f"{what} waited while away for", away, sum(row.did.counted.total.away_runq_ns for row in rows))
    yield from _cpu(f"{what} waited when woken for", waiting, sum(row.did.counted.total.wake_runq_ns for row in rows))


def _between(before: Waited, after: Wait) -> Bounds:
    return max(0, after.entered[0] - before.returned[1]), after.entered[1] - before.returned[0]


def _distribution(what: str, times: Sequence[Bounds], told: Sequence[Histogram]) -> Iterator[str]:
    """Each time is in a bucket between those of its bounds, and the longest is the largest."""
    shortest, longest = sorted(least for least, _ in times), sorted(most for _, most in times)
    buckets = sorted(at for each in told for at, count in enumerate(each.counts) for _ in range(count))
    expected = list(zip(map(_bucket, shortest), map(_bucket, longest), strict=True))
    if len(buckets) != len(expected):
        yield f"{what} {len(expected)} times, told are {len(buckets)}"
    elif not all(least <= at <= most for at, (least, most) in zip(buckets, expected, strict=True)):
        yield f"{what} as in {expected}, told is {buckets}"
    elif times and not shortest[-1] <= (most := max(each.largest for each in told)) <= longest[-1]:
        yield f"{what} {shortest[-1]} to {longest[-1]} ns at most, told are {most}"


def _cpu(what: str, times: Sequence[Bounds], told: int) -> Iterator[str]:
    """A thread runs, or waits for a CPU, no longer than time goes on; the kernel notes the former at its ticks."""
    most = sum(most + _SCHEDULER_TICK_NS for _, most in times)
    if told > most:
        yield f"{what} {most} ns of CPU time at most, told are {told}"


def _bucket(ns: int) -> int:
    return max(_BITS_MIN, ns.bit_length())


def _sum(what: str, times: Sequence[Bounds], told: int) -> Iterator[str]:
    least, most = (sum(each[end] for each in times) for end in (0, 1))
    if not least <= told <= most:
        yield f"{what} {least} to {most} ns in all, told are {told}"
