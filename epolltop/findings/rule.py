"""What a rule is made of. Everything said about a finding follows from its rule.

A rule compares numbers of a case (a process, an instance or a loop, see cases.py) with thresholds. Rules of one family
are about one kind of case and share its first conditions, its gate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from epolltop.model.finding import Fact, Severity

Case = TypeVar("Case")

CaseKind: TypeAlias = Literal["process", "instance", "loop"]
Among: TypeAlias = Literal["all", "shared", "changed", "read", "kin", "empty"]
"""Instances: all; those that several processes hold; those whose lists were changed in the window, or should have been;
those whose lists were read. Loops: all that do enough; those of workers of programs, also of idle ones; those
whose instances watched nothing when their lists were read."""
Reach: TypeAlias = Literal["waits_per_s", "time_s", "wakes_per_s", "events_per_s", "imbalance"]
"""What tells without the rows of loops how high a value can be. For the loops of all: their waits, and their longest
time away. For those of workers: the wakes of one, the events of all, and the most that one has to the mean."""
FactUnit: TypeAlias = Literal["count", "per_s", "per_min", "seconds", "share", "text", "truth", "id"]
"""As units of fields; id is a number that counts nothing, truth is yes or no."""

_FACTORS = {"us": 1e-6, "ms": 1e-3, "percent": 0.01}


@dataclass(frozen=True)  # no slots here and below: with them Measure[Case](...) raises in Python 3.11
class Threshold:
    """A number that a condition compares with. Users may change it."""

    name: str
    """Family and name, `spin.median_away_us`. The end of the name tells its unit: us, ms, percent."""
    default: float
    help: str
    """From where it comes, or why it is not another number."""

    @property
    def factor(self) -> float:
        """Factor to the unit of the condition: seconds, or a share."""
        return _FACTORS.get(self.name.rpartition("_")[2], 1.0)


@dataclass(frozen=True)
class Measure(Generic[Case]):
    """A number or name that is told about a case."""

    name: str
    """In the evidence, as scripts read it."""
    unit: FactUnit
    get: Callable[[Case], Fact | None]
    """None: it is not known, which proves nothing."""
    help: str
    reach: Reach | None = None
    """It is at most that; None: it may be higher than any of them."""


@dataclass(frozen=True)
class Condition(Generic[Case]):
    """Holds if its value is beyond the threshold; without a threshold, if it is true."""

    value: Measure[Case]
    at_least: Threshold | None = None
    at_most: Threshold | None = None
    critical: Threshold | None = None
    """Beyond this one, in the same direction, the finding is critical."""

    @property
    def threshold(self) -> Threshold | None:
        """The one that it compares with."""
        return self.at_least or self.at_most


@dataclass(frozen=True, kw_only=True)
class Rule(Generic[Case]):
    """A rule and its words. Texts may name evidence in braces: `{waits_per_s} waits a second`.

    Several rules of a family may have the same id and the same words: other evidence for the same.
    """

    id: str
    severity: Severity
    brief: str
    """For a column, in a few words."""
    sentence: str
    """What is seen."""
    means: str
    """What it does to the program."""
    cause: str
    """What usually causes it."""
    fix: str
    """What usually mends it."""
    conditions: tuple[Condition[Case], ...]
    """Beside those of the gate; all must hold."""
    graver: tuple[Condition[Case], ...] = ()
    """If all of these hold, too, the finding is critical."""
    evidence: tuple[Measure[Case], ...] = ()
    """Told beside the values of the conditions."""
    fd: Callable[[Case], int | None] | None = None
    """The watch that it is about; None: it is about the case itself."""
    lasts_s: float = 2.0
    """For how long the evidence must have lasted, within the last ten seconds."""
    certain: Callable[[Case], bool] | bool = True
    """Whether nothing else explains the evidence."""
    healthy: str
    """What looks alike and is healthy."""
    confirm: str
    """How to make sure."""
    fixes: tuple[tuple[str, str], ...] = ()
    """Runtime, and what to do there."""
    reports: tuple[str, ...] = ()
    """Public reports of it."""


@dataclass(frozen=True, kw_only=True)
class Family(Generic[Case]):
    """Rules about one kind of case. Of those that hold, the first is found."""

    name: str
    of: CaseKind
    rules: tuple[Rule[Case], ...]
    gate: tuple[Condition[Case], ...] = ()
    """Conditions of each of its rules."""
    among: Among = "all"
    """Which instances or loops are its cases. To go through all takes long where there are 100,000."""
    needs_list: bool = False
    """Where the gate holds, the interest list of the instance is read; sooner than others, if its cases are lists that
    were read."""

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """All that its rules compare with, each once."""
        conditions = (*self.gate, *(each for rule in self.rules for each in (*rule.conditions, *rule.graver)))
        named = {
            threshold.name: threshold
            for each in conditions
            for threshold in (each.at_least, each.at_most, each.critical)
            if threshold
        }
        return tuple(named.values())


AnyFamily: TypeAlias = Family[Any]
