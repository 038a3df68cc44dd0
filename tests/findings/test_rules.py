"""What holds for every rule, whatever it is about."""

from __future__ import annotations

import re
import string
from typing import Any

import pytest
from hypothesis import given

from epolltop.findings.cases import Cases
from epolltop.findings.diagnosis import Diagnosis
from epolltop.findings.evaluation import examined
from epolltop.findings.families import FAMILIES, RULES, THRESHOLDS
from epolltop.findings.rule import AnyFamily, Rule
from epolltop.findings.settings import DEFAULTS
from epolltop.model.finding import FACTS_MAX, Finding
from epolltop.model.snapshot import Snapshot
from tests.output.test_any_snapshot import snapshots

from .judged import matches

PAIRS = [(family, rule) for family in FAMILIES for rule in family.rules]
every = pytest.mark.parametrize(("family", "rule"), PAIRS, ids=[rule.id for _, rule in PAIRS])
TEXTS = ("brief", "sentence", "means", "cause", "fix", "healthy", "confirm")


def told(family: AnyFamily, rule: Rule[Any]) -> list[str]:
    measures = [condition.value for condition in (*family.gate, *rule.conditions)] + list(rule.evidence)
    return [each.name for each in measures]


def test_ids_and_thresholds_are_told_once() -> None:
    families = {rule.id: {each.name for each, other in PAIRS if other.id == rule.id} for _, rule in PAIRS}
    assert families.keys() == RULES.keys()
    assert all(len(names) == 1 for names in families.values())
    told = [threshold for family in FAMILIES for threshold in family.thresholds]
    assert all(THRESHOLDS[threshold.name] is threshold for threshold in told)


@every
def test_texts_name_only_evidence(family: AnyFamily, rule: Rule[Any]) -> None:
    named = {name for text in TEXTS for _, name, _, _ in string.Formatter().parse(getattr(rule, text)) if name}
    assert named <= set(told(family, rule))


@every
def test_every_text_says_something_in_a_sentence(family: AnyFamily, rule: Rule[Any]) -> None:
    assert all(getattr(rule, text).strip() for text in TEXTS), family.name
    for text in ("means", "cause", "fix", "healthy", "confirm"):
        assert getattr(rule, text).rstrip().endswith("."), text
    assert not rule.sentence.endswith(".")
    assert len(re.sub(r"\{\w+\}", "1.2m", rule.brief)) <= 32


@every
def test_evidence_fits_a_snapshot_file(family: AnyFamily, rule: Rule[Any]) -> None:
    assert len(set(told(family, rule))) <= FACTS_MAX


@every
def test_each_condition_compares_one_way(family: AnyFamily, rule: Rule[Any]) -> None:
    for condition in (*family.gate, *rule.conditions):
        assert condition.at_least is None or condition.at_most is None
        assert not condition.critical or condition.threshold
        if condition.critical and condition.threshold:
            graver, first = condition.critical.default, condition.threshold.default
            assert graver >= first if condition.at_least else graver <= first


@given(made=snapshots(), before=snapshots())
def test_rules_take_every_snapshot(made: Snapshot, before: Snapshot) -> None:
    """Whatever is unknown or missing: nothing is raised, and an unknown value proves nothing."""
    for cases in (Cases(made), Cases(made, before)):
        for each in examined(FAMILIES, cases, DEFAULTS, lambda _: True):
            assert each.holds is not True or all(one.value is not None for one in each.compared)
        for match in matches(FAMILIES, cases, DEFAULTS):
            assert all(isinstance(fact, int | float | str) for _, fact in match.evidence)


@given(made=snapshots())
def test_a_diagnosis_takes_every_snapshot(made: Snapshot) -> None:
    diagnosis = Diagnosis()
    for _ in range(3):
        diagnosis.look(made)
    assert all(isinstance(each, Finding) for each in (*diagnosis.findings, *diagnosis.ended))
