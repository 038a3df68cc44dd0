"""A program's own counters beside what epolltop shows of the same time, as exactly as two readers can have it.

The program is read before and after epolltop, at the beginning and at the end. What it counted between the inner
readings lies within what is shown, which lies within what it counted between the outer ones, whoever else runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

Reading = Mapping[str, float]


class Bracket(NamedTuple):
    """A rise."""

    least: float
    """Between the inner readings of the program."""
    shown: float
    most: float
    """Between the outer readings of the program."""

    def holds(self, slack: float = 0) -> bool:
        """Whether what is shown lies between the others.

        Args:
            slack: by how much a reading of the program may be behind or ahead of what it did.
        """
        return self.least - slack <= self.shown <= self.most + slack


def bracketed(
    told: Callable[[], Reading], shown: Callable[[], Reading], work: Callable[[], object]
) -> Mapping[str, Bracket]:
    """How much each of the program's counters rose while it worked, and what is shown of the same name."""
    first, begun, second = told(), shown(), told()
    work()
    third, ended, fourth = told(), shown(), told()
    return {
        name: Bracket(third[name] - second[name], ended[name] - begun[name], fourth[name] - first[name])
        for name in first.keys() & begun.keys()
    }
