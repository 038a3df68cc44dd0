"""Growth of the open instances and the descriptors of each process, over the last minute and over the last hour.

Slow growth shows only against a level of long ago. So this keeps levels, not rates: as steps, fewer with age. A process
whose levels do not change costs one step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from epolltop.model.levels import HOUR_S, MINUTE_S, SLOT_NS, Levels, Step, Steps, level_at, thinned
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.model.process_row import Growth

_SHORTEST_S = 1.0
"""A shorter time says nothing about a minute."""


class Levelled:
    """The levels of all processes."""

    def __init__(self) -> None:
        self._steps: dict[ProcessKey, Steps] = {}
        self._looked_ns: int | None = None

    def is_due(self, now_ns: int) -> bool:
        """Whether it is time for another look."""
        return self._looked_ns is None or now_ns - self._looked_ns >= SLOT_NS

    def look(
        self,
        now_ns: int,
        holders: Collection[ProcessKey],
        alive: Collection[ProcessKey],
        levels: Callable[[ProcessKey], Levels],
    ) -> None:
        """Adds the levels of holders, and of living processes that held something; forgets all others."""
        before_ns = self._looked_ns
        self._steps = {
            key: thinned(self._steps.get(key) or _first(key, before_ns, now, now_ns), Step(now_ns, now))
            for key in {*holders, *(key for key in self._steps if key in alive)}
            for now in (levels(key),)
        }
        self._looked_ns = now_ns

    def of(self, process: ProcessKey, now_ns: int, now: Levels) -> Growth | None:
        """Its growth up to now; None before it was known for a second."""
        steps = self._steps.get(process) or ()
        if not steps or now_ns - steps[0].at_ns < _SHORTEST_S * 1e9:
            return None
        if len(steps) == 1 and steps[0].levels == now:
            return Growth(0.0, 0.0, None if now.fds is None else 0.0, steps[0].at_ns, steps)
        minute, hour = (_per_s(steps, now_ns, now, span_s) for span_s in (MINUTE_S, HOUR_S))
        fds = [per_s for per_s in (minute[1], hour[1]) if per_s is not None]
        return Growth(minute[0] * 60, hour[0] * 3600, max(fds, default=None), steps[0].at_ns, steps)


def _first(process: ProcessKey, before_ns: int | None, now: Levels, now_ns: int) -> Steps:
    """A process that lived at the last look and held nothing starts from zero; others may have inherited instances."""
    if before_ns is None or not process.start or process.start * NS_PER_TICK >= before_ns:
        return (Step(now_ns, now),)
    return (Step(before_ns, Levels(0, None)),)


def _per_s(steps: Steps, now_ns: int, now: Levels, span_s: int) -> tuple[float, float | None]:
    """Growth of instances and descriptors a second, over the span or as long as the process is known."""
    from_ns = max(now_ns - span_s * 1_000_000_000, steps[0].at_ns)
    then = level_at(steps, from_ns)
    elapsed_s = (now_ns - from_ns) / 1e9
    fds = None if now.fds is None or then.fds is None else (now.fds - then.fds) / elapsed_s
    return (now.open - then.open) / elapsed_s, fds
