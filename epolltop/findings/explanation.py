"""Why a finding is shown about a process, and why another one is not: each rule with what it compares."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from epolltop.findings.cases import Cases
from epolltop.findings.evaluation import Examined, examined
from epolltop.findings.families import FAMILIES, RULES
from epolltop.findings.rule import Rule
from epolltop.findings.settings import Settings
from epolltop.model.finding import Findings
from epolltop.model.snapshot import Snapshot

CASES_MAX = 10_000
"""Applications of rules to cases that are looked at."""

Verdict: TypeAlias = Literal["found", "holds", "no", "unknown", "allowed", "nothing to judge"]
"""holds: its conditions hold over the whole observation, but it is not found: they did not last, or another rule of the
family was found first."""


class Explained(NamedTuple):
    """A rule, and the case that comes nearest to it."""

    rule: Rule[Any]
    verdict: Verdict
    nearest: Examined | None
    """None: the process has nothing that the rule is about."""
    cases: int
    """How many there are."""


def explained(now: Snapshot, before: Snapshot | None, settings: Settings) -> list[Explained]:
    """Every rule, in the order of the page.

    Args:
        now: at the end of an observation of the process, with rates over all of it.
        before: at its beginning; None: what only two snapshots tell is not known.
        settings: of the rules.
    """
    by_rule: dict[str, list[Examined]] = {}
    for number, each in enumerate(examined(FAMILIES, Cases(now, before, settings=settings), settings)):
        if number >= CASES_MAX:
            break
        by_rule.setdefault(each.rule.id, []).append(each)
    return [_explained(rule, by_rule.get(rule.id, []), now.findings, settings) for rule in RULES.values()]


def _explained(rule: Rule[Any], cases: list[Examined], found: Findings, settings: Settings) -> Explained:
    who = {finding.who for finding in found if finding.id == rule.id}
    nearest = max(cases, key=lambda each: (each.case.who in who, _nearness(each)), default=None)
    return Explained(rule, _verdict(rule, nearest, settings, is_found=bool(who)), nearest, len(cases))


def _nearness(case: Examined) -> tuple[bool, int, int]:
    results = [each.holds for each in case.compared]
    return case.holds is True, results.count(True), -results.count(False)


def _verdict(rule: Rule[Any], nearest: Examined | None, settings: Settings, *, is_found: bool) -> Verdict:
    if rule.id in settings.allowed:
        return "allowed"
    if is_found:
        return "found"
    if nearest is None:
        return "nothing to judge"
    return "unknown" if nearest.holds is None else "holds" if nearest.holds else "no"
