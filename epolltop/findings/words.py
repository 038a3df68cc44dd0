"""What is said about a finding: its rule's texts with its evidence in them."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Any

from epolltop.findings.families import FAMILIES, RULES
from epolltop.findings.rule import FactUnit, Measure
from epolltop.model.finding import Fact, Finding
from epolltop.text.numbers import UNKNOWN, duration, grouped, grouped_rate, percentage

_READABLE: Mapping[FactUnit, Callable[[Any], str]] = {
    "count": lambda number: grouped(round(number)),
    "per_s": grouped_rate,
    "per_min": grouped_rate,
    "seconds": duration,
    "share": percentage,
    "text": str,
    "truth": lambda truth: "yes" if truth else "no",
    "id": str,
}
_UNITS: dict[tuple[str, str], FactUnit] = {
    (rule.id, value.name): value.unit
    for family in FAMILIES
    for rule in family.rules
    for value in (*(each.value for each in (*family.gate, *rule.conditions, *rule.graver)), *rule.evidence)
}


class _Told(dict[str, str]):
    """Evidence in words; what is not known is told as such."""

    def __missing__(self, name: str) -> str:
        return UNKNOWN


def sentence(finding: Finding) -> str:
    """What is seen, without a full stop. For an id that only a later epolltop knows: the id and its evidence."""
    return _filled(finding, lambda rule: rule.sentence)


def brief(finding: Finding) -> str:
    """The same in a few words, for a column."""
    return _filled(finding, lambda rule: rule.brief)


def cause(finding: Finding) -> str:
    """What usually causes it; empty if the rule is not known."""
    return _filled(finding, lambda rule: rule.cause) if finding.id in RULES else ""


def means(finding: Finding) -> str:
    """What it does to the program; empty if the rule is not known."""
    return _filled(finding, lambda rule: rule.means) if finding.id in RULES else ""


def fix(finding: Finding) -> str:
    """What usually mends it; empty if the rule is not known."""
    return _filled(finding, lambda rule: rule.fix) if finding.id in RULES else ""


def readable(value: Measure[Any], fact: Fact | None) -> str:
    """A fact as people read it."""
    return UNKNOWN if fact is None else _READABLE[value.unit](fact)


def told_evidence(finding: Finding) -> dict[str, str]:
    """The evidence by name, as people read it."""
    return {name: _in_words(finding, name, fact) for name, fact in finding.evidence}


def _filled(finding: Finding, text: Callable[[Any], str]) -> str:
    rule = RULES.get(finding.id)
    if rule is None:
        return " ".join([finding.id, *(f"{name}={fact}" for name, fact in finding.evidence)])
    return string.Formatter().vformat(text(rule), (), _Told(told_evidence(finding)))


def _in_words(finding: Finding, name: str, fact: Fact) -> str:
    unit = _UNITS.get((finding.id, name), "text")
    return str(fact) if isinstance(fact, str) else _READABLE[unit](fact)
