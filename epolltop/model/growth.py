"""Growth of the open instances and the descriptors of each process, over the last minute and over the last hour.

Slow growth shows only against a level of long ago. So this keeps levels, not rates: as steps, fewer with age. A process
whose levels do not change costs one step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, TypeAlias

from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.model.process_row import Growth

MINUTE_S, HOUR_S = 60, 3600
SLOT_NS, OLD_SLOT_NS = 5_000_000_000, 300_000_000_000
"""A step is kept for each slot of the last minute, and for each old slot before."""
STEPS = MINUTE_S * 1_000_000_000 // SLOT_NS + HOUR_S * 1_000_000_000 // OLD_SLOT_NS + 3
"""Maximum for each process: about 2 KB."""
_SHORTEST_S = 1.0
"""A shorter time says nothing about a minute."""


class Levels(NamedTuple):
    """The instances and descriptors of a process at an instant."""

    open: int
    fds: int | None


class Step(NamedTuple):
    """The levels from this instant on."""

    at_ns: int
    levels: Levels


_Steps: TypeAlias = tuple[Step, ...]


class Levelled:
    """The levels of all processes."""

    def __init__(self) -> None:
        self._steps: dict[ProcessKey, _Steps] = {}
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
            return Growth(0.0, 0.0, None if now.fds is None else 0.0, steps[0].at_ns)
        minute, hour = (_per_s(steps, now_ns, now, span_s) for span_s in (MINUTE_S, HOUR_S))
        fds = [per_s for per_s in (minute[1], hour[1]) if per_s is not None]
        return Growth(minute[0] * 60, hour[0] * 3600, max(fds, default=None), steps[0].at_ns)


def thinned(steps: _Steps, newest: Step) -> _Steps:
    """The steps with another one, if levels changed; keeps the last of each slot, and of all before the hour."""
    if steps and steps[-1].levels == newest.levels:
        return steps
    now_ns = newest.at_ns
    kept: dict[tuple[int, int], Step] = {}
    for step in (*steps, newest):
        age_s = (now_ns - step.at_ns) / 1e9
        slot = (2, step.at_ns // SLOT_NS) if age_s <= MINUTE_S else (1, step.at_ns // OLD_SLOT_NS)
        kept[slot if age_s <= HOUR_S else (0, 0)] = step
    return tuple(kept.values())


def _first(process: ProcessKey, before_ns: int | None, now: Levels, now_ns: int) -> _Steps:
    """A process that lived at the last look and held nothing starts from zero; others may have inherited instances."""
    if before_ns is None or not process.start or process.start * NS_PER_TICK >= before_ns:
        return (Step(now_ns, now),)
    return (Step(before_ns, Levels(0, None)),)


def _per_s(steps: _Steps, now_ns: int, now: Levels, span_s: int) -> tuple[float, float | None]:
    """Growth of instances and descriptors a second, over the span or as long as the process is known."""
    from_ns = max(now_ns - span_s * 1_000_000_000, steps[0].at_ns)
    then = steps[0].levels
    for step in steps:
        if step.at_ns > from_ns:
            break
        then = step.levels
    elapsed_s = (now_ns - from_ns) / 1e9
    fds = None if now.fds is None or then.fds is None else (now.fds - then.fds) / elapsed_s
    return (now.open - then.open) / elapsed_s, fds
