"""Rules applied to the cases of a window: which hold, and what each of them compares."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from epolltop.findings.cases import AnyCase, Cases
from epolltop.findings.rule import AnyFamily, Condition, Rule
from epolltop.findings.settings import Settings
from epolltop.model.finding import About, Fact, Severity

CaseTest: TypeAlias = Callable[[AnyCase], "bool | None"]


class Match(NamedTuple):
    """A rule that held for a case in one window."""

    rule: Rule[Any]
    case: AnyCase
    about: About
    severity: Severity
    evidence: tuple[tuple[str, Fact], ...]


class Compared(NamedTuple):
    """A condition applied to a case."""

    condition: Condition[Any]
    value: Fact | None
    threshold: float | None
    """In the unit of the value."""
    holds: bool | None
    """None: the value is not known."""


class Examined(NamedTuple):
    """A rule applied to a case, whatever the result."""

    rule: Rule[Any]
    case: AnyCase
    compared: tuple[Compared, ...]

    @property
    def holds(self) -> bool | None:
        """Whether all conditions hold; None: none fails, and the value of some is not known."""
        results = [each.holds for each in self.compared]
        return False if False in results else None if None in results else True


class Applied(NamedTuple):
    """A family with its thresholds, ready to be applied to many cases."""

    family: AnyFamily
    gate: tuple[CaseTest, ...]
    rules: tuple[tuple[Rule[Any], tuple[CaseTest, ...]], ...]
    """Those that are judged."""

    def passing(self, cases: Cases) -> Sequence[AnyCase]:
        """The cases for which all conditions of the gate hold."""
        found: Sequence[AnyCase] = cases.of(self.family)
        for test in self.gate:
            found = [case for case in found if test(case)]
        return found


def applied(families: Iterable[AnyFamily], settings: Settings) -> tuple[Applied, ...]:
    """Families as they are judged."""
    return tuple(
        Applied(
            family,
            tuple(test_of(condition, settings) for condition in family.gate),
            tuple(
                (rule, tuple(test_of(condition, settings) for condition in rule.conditions))
                for rule in family.rules
                if rule.id not in settings.allowed
            ),
        )
        for family in families
    )


def found_among(passing: Iterable[tuple[Applied, Sequence[AnyCase]]], settings: Settings) -> Iterator[Match]:
    """The rules that hold in a window, at most one of each family for each case.

    Args:
        passing: families, and the cases that passed their gate.
        settings: of the rules.
    """
    for (family, _, rules), cases in passing:
        for case in cases:
            for rule, tests in rules:
                if all(test(case) for test in tests):
                    yield _match(family, rule, case, settings)
                    break


def examined(
    families: Iterable[AnyFamily], cases: Cases, settings: Settings, is_wanted: Callable[[About], bool]
) -> Iterator[Examined]:
    """Every rule with every wanted case of its kind, each condition applied."""
    for family in families:
        for case in (each for each in cases.of(family) if is_wanted(each.about)):
            gate = tuple(compared(condition, case, settings) for condition in family.gate)
            for rule in family.rules:
                yield Examined(rule, case, (*gate, *(compared(each, case, settings) for each in rule.conditions)))


def test_of(condition: Condition[Any], settings: Settings) -> CaseTest:
    """Whether a condition holds for a case; None: its value is not known. Thousands of cases are tested in a second."""
    get, passes = condition.value.get, _passes(condition, _limit(condition, settings))

    def test(case: AnyCase) -> bool | None:
        value = get(case)
        return None if value is None else passes(value)

    return test


def compared(condition: Condition[Any], case: AnyCase, settings: Settings) -> Compared:
    """The same, for one case, with both numbers."""
    return compared_value(condition, condition.value.get(case), settings)


def compared_value(condition: Condition[Any], value: Fact | None, settings: Settings) -> Compared:
    """A value that is known already, or is not, with the number that it is compared with."""
    limit = _limit(condition, settings)
    return Compared(condition, value, limit, None if value is None else _passes(condition, limit)(value))


def _limit(condition: Condition[Any], settings: Settings) -> float | None:
    return None if condition.threshold is None else settings.of(condition.threshold)


def _passes(condition: Condition[Any], limit: float | None) -> Callable[[Any], bool]:
    """Tells of a value whether it reaches a limit, in the direction of a condition; without one, whether it is so."""
    if limit is None:
        return bool
    return partial(operator.ge if condition.at_most else operator.le, limit)


def _match(family: AnyFamily, rule: Rule[Any], case: AnyCase, settings: Settings) -> Match:
    conditions = (*family.gate, *rule.conditions)
    compared_values = (condition.value for condition in (*conditions, *rule.graver))
    values = {each.name: each for each in (*compared_values, *rule.evidence)}
    named = ((name, each.get(case)) for name, each in values.items() if each.unit != "truth")
    told = tuple((name, fact) for name, fact in named if fact is not None)
    about = case.about if rule.fd is None else case.about._replace(fd=rule.fd(case))
    return Match(rule, case, about, _severity(rule, conditions, case, settings), told)


def _severity(rule: Rule[Any], conditions: Iterable[Condition[Any]], case: AnyCase, settings: Settings) -> Severity:
    """The rule's own; critical if every condition that has such a threshold is beyond it, or the graver ones hold."""
    beyond = [_is_critical(each, case, settings) for each in conditions if each.critical]
    graver = [bool(compared(each, case, settings).holds) for each in rule.graver]
    is_critical = (beyond and all(beyond)) or (graver and all(graver))
    severity = Severity.CRITICAL if is_critical else rule.severity
    return min(Severity.CRITICAL, Severity(severity + 1)) if rule.id in settings.raised else severity


def _is_critical(condition: Condition[Any], case: AnyCase, settings: Settings) -> bool:
    assert condition.critical is not None
    value = condition.value.get(case)
    return value is not None and _passes(condition, settings.of(condition.critical))(value)
