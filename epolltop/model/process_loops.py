"""The rows of the loops of a process, and what is asked about all of them, which is worked out once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import NamedTuple

from epolltop.model.loop_activity import Turn, WaitCall
from epolltop.model.loop_row import LoopRow


class Worst(NamedTuple):
    """The highest that one of the loops has at a moment; None if it is known of none."""

    busy: float | None
    lag_ns: int | None


class ProcessLoops(tuple[LoopRow, ...]):
    """By thread."""

    _worst_then: tuple[tuple[int, int], Worst] | None = None

    @functools.cached_property
    def any_shared(self) -> bool:
        """Whether several threads wait on an instance."""
        return any([row.shared for row in self])

    @functools.cached_property
    def any_late(self) -> bool:
        """Whether it is known of one what it does, away for long."""
        return any([row.late is not None and row.late_now is not None for row in self])

    @functools.cached_property
    def ways_to_wait(self) -> Mapping[tuple[WaitCall, int], tuple[int, Turn]]:
        """By call and most events: the most waits of a loop that waits in this way, and the turn of one."""
        ways: dict[tuple[WaitCall, int], tuple[int, Turn]] = {}
        for row in self:
            if row.turn:
                way, waits = (row.turn.call, row.turn.maxevents), row.did.total.waits
                if way not in ways or ways[way][0] < waits:
                    ways[way] = waits, row.turn
        return ways

    def worst(self, begin_ns: int, now_ns: int) -> Worst:
        """At the end of a window, what is in progress included.

        Args:
            begin_ns: when the window began that the rows were made for.
            now_ns: when it ends.
        """
        window, then = (begin_ns, now_ns), self._worst_then
        if then is None or then[0] != window:
            busy = [share for row in self._telling if (share := row.busy(*window)) is not None]
            lags = [lag_ns for row in self._telling if (lag_ns := row.lag_ns(now_ns)) is not None]
            then = self._worst_then = window, Worst(max(busy, default=None), max(lags, default=None))
        return then[1]

    @functools.cached_property
    def _telling(self) -> list[LoopRow]:
        """All but those that waited all the time and still do. None is busy or late: one of them tells that."""
        resting = [row for row in self if row.did.is_at_rest and row.is_waiting]
        one = min(resting, key=lambda row: row.shared, default=None)
        return [row for row in self if row is one or not (row.did.is_at_rest and row.is_waiting)]


NO_LOOPS = ProcessLoops()
