"""How many instances and descriptors a process had over the last hour, as steps, and how steadily they grow.

Growth is steady if each of several spans in a row ends with more than it began with. Servers under load rise and fall
from one span to the next, and what starts up grows in one or two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from epolltop.model.descriptor_kinds import Descriptors

MINUTE_S, TEN_MINUTES_S, HOUR_S = 60, 600, 3600
SLOT_NS, LATER_SLOT_NS, OLD_SLOT_NS = 5_000_000_000, 30_000_000_000, 300_000_000_000
"""A step is kept for each slot of the last minute, each later slot of the last ten, and each old slot before that."""
STEPS = sum(
    span_s * 1_000_000_000 // slot_ns + 1
    for span_s, slot_ns in ((MINUTE_S, SLOT_NS), (TEN_MINUTES_S, LATER_SLOT_NS), (HOUR_S, OLD_SLOT_NS))
)
"""Maximum for each process, beside the last one before the hour: about 4 KB."""
SPANS_LEAST = {10: 3, MINUTE_S: 5, TEN_MINUTES_S: 5}
"""How many spans in a row, each of so many seconds, must grow: a program gets one more worker now and then."""
SPANS = 6
"""That are looked at."""


class Levels(NamedTuple):
    """The instances and descriptors of a process at an instant."""

    open: int
    fds: int | None
    kinds: Descriptors | None = None
    """None: no census counted them."""


class Step(NamedTuple):
    """The levels from this instant on."""

    at_ns: int
    levels: Levels


Steps: TypeAlias = tuple[Step, ...]
"""Ascending."""
LevelOf: TypeAlias = Callable[[Levels], int | None]


def thinned(steps: Steps, newest: Step) -> Steps:
    """The steps with another one, if levels changed; keeps the last of each slot, and of all before the hour."""
    if steps and steps[-1].levels == newest.levels:
        return steps
    kept: dict[tuple[int, int], Step] = {}
    for step in (*steps, newest):
        age_s = (newest.at_ns - step.at_ns) / 1e9
        if age_s <= MINUTE_S:
            slot = 3, step.at_ns // SLOT_NS
        elif age_s <= TEN_MINUTES_S:
            slot = 2, step.at_ns // LATER_SLOT_NS
        else:
            slot = (1, step.at_ns // OLD_SLOT_NS) if age_s <= HOUR_S else (0, 0)
        kept[slot] = step
    return tuple(kept.values())


def level_at(steps: Steps, at_ns: int) -> Levels:
    """The levels at an instant; before the first step those of the first."""
    then = steps[0].levels
    for step in steps:
        if step.at_ns > at_ns:
            break
        then = step.levels
    return then


def growing_s(steps: Steps, now_ns: int, value: LevelOf) -> float:
    """For how long it has grown steadily up to now: in each ten seconds, each minute, or each ten minutes.

    Args:
        steps: what is known.
        now_ns: boot clock.
        value: what is looked at, of the levels; where it is not known, growth ends.

    Returns:
        At most six times the longest span; 0: it does not grow, or not long enough to tell.
    """
    grown = {span_s: _grown_spans(steps, now_ns, value, span_s) for span_s in SPANS_LEAST}
    return max(float(spans * span_s) if spans >= SPANS_LEAST[span_s] else 0.0 for span_s, spans in grown.items())


def _grown_spans(steps: Steps, now_ns: int, value: LevelOf, span_s: int) -> int:
    """How many spans in a row it grew in."""
    later = value(level_at(steps, now_ns)) if steps else None
    for grown in range(SPANS):
        began_ns = now_ns - (grown + 1) * span_s * 1_000_000_000
        earlier = value(level_at(steps, began_ns)) if steps and began_ns >= steps[0].at_ns else None
        if later is None or earlier is None or later <= earlier:
            return grown
        later = earlier
    return SPANS
