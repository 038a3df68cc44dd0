"""The rule of a finding: each value beside the threshold in force, and which thresholds are not the defaults."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from epolltop.findings.families import FAMILIES
from epolltop.findings.rule import AnyFamily, Condition, Rule, Threshold
from epolltop.findings.settings import Settings
from epolltop.findings.words import readable, told_evidence
from epolltop.model.finding import Finding
from epolltop.model.snapshot import Snapshot
from epolltop.query.story import StoryLine
from epolltop.text.numbers import UNKNOWN

THRESHOLDS_DOUBT = "these thresholds are the defaults; whether others were in force is not known"
"""Of a snapshot that does not tell them."""
_FAMILY_OF: dict[str, AnyFamily] = {rule.id: family for family in FAMILIES for rule in family.rules}


def rule_lines(finding: Finding, snapshot: Snapshot) -> Iterator[StoryLine]:
    """What was compared with what, and the rest of the evidence.

    Args:
        finding: of a rule that is known.
        snapshot: that it is of.
    """
    told, label = told_evidence(finding), "rule"
    conditions = (*_FAMILY_OF[finding.id].gate, *_rule_of(finding.id, told).conditions)
    for condition in conditions:
        yield label, _compared(condition, told, snapshot)
        label = ""
    compared = {condition.value.name for condition in conditions}
    if snapshot.thresholds is None:
        yield "", THRESHOLDS_DOUBT
    yield from (("", f"{name} {value}") for name, value in told.items() if name not in compared)


def _rule_of(id: str, told: Collection[str]) -> Rule[Any]:
    """Of several with the same words, the first whose conditions the evidence tells of: it was found by that one."""
    rules = [rule for rule in _FAMILY_OF[id].rules if rule.id == id]
    return next((rule for rule in rules if all(each.value.name in told for each in rule.conditions)), rules[-1])


def changed_thresholds(id: str, snapshot: Snapshot) -> list[str]:
    """Those of the family of a rule that are not the defaults, each with both numbers, as users write them.

    Args:
        id: of the rule.
        snapshot: that tells which are in force.
    """
    settings = _in_force(snapshot)
    return [_changed(each, settings) for each in _FAMILY_OF[id].thresholds if settings.changes(each)]


def _compared(condition: Condition[Any], told: dict[str, str], snapshot: Snapshot) -> str:
    measure, threshold = condition.value, condition.threshold
    if threshold is None:
        return measure.help.rstrip(".")
    settings = _in_force(snapshot)
    sign = "at least" if condition.at_least else "at most"
    limits = f"{sign} {_limit(condition, threshold, settings)}"
    if condition.critical:
        limits += f"; critical: {_limit(condition, condition.critical, settings)}"
    return f"{measure.name} {told.get(measure.name, UNKNOWN)}, {limits}"


def _in_force(snapshot: Snapshot) -> Settings:
    """The defaults, if that is not known."""
    return Settings(snapshot.thresholds or {})


def _limit(condition: Condition[Any], threshold: Threshold, settings: Settings) -> str:
    limit = readable(condition.value, settings.of(threshold))
    return f"{limit} ({_changed(threshold, settings)})" if settings.changes(threshold) else limit


def _changed(threshold: Threshold, settings: Settings) -> str:
    now = settings.thresholds[threshold.name]
    return f"{threshold.name}={now:.12g}, default {threshold.default:.12g}"
