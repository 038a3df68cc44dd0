"""The row of a loop, from all that is known about it."""

from __future__ import annotations

from typing import NamedTuple

from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes, Turn
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import Peaks, histogram
from epolltop.model.rates import counted


class LoopEvidence(NamedTuple):
    """What a row of a loop is made of. While it stays equal the row is the same object."""

    total: LoopCounts
    then: LoopCounts
    """When the window began, like all that is called so."""
    times: LoopTimes
    times_then: LoopTimes
    peaks: Peaks
    turn: Turn | None
    turn_then: Turn | None
    since_ns: int | None
    thread: str
    is_elsewhere: bool
    shared: bool
    unattended_since_ns: int | None
    window: tuple[int, int] | None
    """When it began and when it ends, if something happened in it."""


def loop_row_of(key: LoopKey, known: LoopEvidence, since_ns: int) -> LoopRow:
    """What front ends see of it.

    Args:
        key: which loop.
        known: about it.
        since_ns: when counting began.
    """
    begin_ns, end_ns = known.window or (0, 0)
    waited_ns = known.total.waiting_ns - known.then.waiting_ns
    was_away_ns = known.total.away_ns - known.then.away_ns
    if (then := known.turn_then) and not _goes_on(then, known.turn):  # then its part before the window is in them
        if then.returned_ns:
            was_away_ns -= begin_ns - then.returned_ns
        else:
            waited_ns -= begin_ns - (then.entered_ns or since_ns)
    return LoopRow(
        key=key,
        since_ns=known.since_ns,
        thread=known.thread,
        counted=counted(known.total, known.then, (end_ns - begin_ns) / 1e9),
        waiting=histogram(known.times.waiting, known.times_then.waiting, known.peaks.waiting),
        away=histogram(known.times.away, known.times_then.away, known.peaks.away),
        poll_delay=histogram(known.times.poll_delay, known.times_then.poll_delay, known.peaks.poll_delay),
        waited_ns=max(0, waited_ns),
        was_away_ns=max(0, was_away_ns),
        turn=known.turn,
        is_elsewhere=known.is_elsewhere,
        shared=known.shared,
        unattended_since_ns=known.unattended_since_ns,
    )


def _goes_on(then: Turn, now: Turn | None) -> bool:
    """Whether a wait, or a time away, is still the same."""
    return now is not None and (then.entered_ns, then.returned_ns) == (now.entered_ns, now.returned_ns)
