"""What a loop must reach at least for any rule to hold. It follows from the thresholds in force."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from epolltop.findings.rule import AnyFamily, Condition
from epolltop.findings.settings import Settings


class Floor(NamedTuple):
    """Of each reach the least, see Reach; infinite if no rule asks for it."""

    waits_per_s: float = 0.0
    time_s: float = 0.0
    wakes_per_s: float = 0.0
    events_per_s: float = 0.0
    imbalance: float = 0.0


NO_FLOOR = Floor()
"""Every loop that did something is a case."""


def floor_of(families: Iterable[AnyFamily], settings: Settings) -> Floor:
    """The lowest thresholds of those that are about loops.

    Args:
        families: each of their rules about loops has a condition whose value has a reach.
        settings: what the user changed.
    """
    conditions = [each for family in families for each in _conditions(family)]
    return Floor(*(_least(conditions, name, settings) for name in Floor._fields))


def _conditions(family: AnyFamily) -> Iterable[Condition[object]]:
    yield from family.gate
    for rule in family.rules:
        yield from rule.conditions


def _least(conditions: Iterable[Condition[object]], reach: str, settings: Settings) -> float:
    limits = (settings.of(each.at_least) for each in conditions if each.at_least and each.value.reach == reach)
    return min(limits, default=math.inf)
