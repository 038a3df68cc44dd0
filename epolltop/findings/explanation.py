"""Why a finding is shown about a process, and why another one is not: each rule with what it compares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeAlias

from epolltop.findings.cases import Cases
from epolltop.findings.evaluation import Compared, Examined, compared_value, examined
from epolltop.findings.families import FAMILIES, RULES
from epolltop.findings.rule import Rule
from epolltop.findings.settings import Settings
from epolltop.model.finding import About, Finding, Findings
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot

CASES_MAX = 10_000
"""Applications of rules to cases that are looked at."""

Verdict: TypeAlias = Literal["found", "ended", "holds", "no", "unknown", "allowed", "nothing to judge"]
"""ended: it was found earlier, and its conditions do not hold now. holds: they hold over the window, but it is not
found: they did not last, or another rule of the family was found first."""
_CONDITIONS = {
    id: [(*family.gate, *rule.conditions) for family in FAMILIES for rule in family.rules if rule.id == id]
    for id in RULES
}
"""Of the rules with an id."""


class Explained(NamedTuple):
    """A rule, and what is found by it, or the case that comes nearest to it."""

    rule: Rule[Any]
    verdict: Verdict
    who: str | None
    """None: the process has nothing that the rule is about."""
    compared: Sequence[Compared]
    """What is found has the values that showed it last, all else those of the window."""
    cases: int
    """How many there are."""
    findings: Sequence[Finding]
    """Of the rule: those that are open, the worst first; or those that have ended, the last one first."""


def explained(row: ProcessRow, now: Snapshot, before: Snapshot | None, settings: Settings) -> list[Explained]:
    """Every rule, in the order of the page.

    Args:
        row: of the process.
        now: at the end of a window, with rates over it.
        before: at its beginning; None: what only two snapshots tell is not known.
        settings: of the rules.
    """
    by_rule: dict[str, list[Examined]] = {}
    cases = Cases(now, before, settings=settings)
    for number, each in enumerate(examined(FAMILIES, cases, settings, lambda about: _concerns(about, row))):
        if number >= CASES_MAX:
            break
        by_rule.setdefault(each.rule.id, []).append(each)
    alone = alone_in(now, row)
    return [
        _explained(
            rule,
            by_rule.get(rule.id, []),
            _of(rule, alone.findings),
            _of(rule, reversed(alone.ended_findings)),
            settings,
        )
        for rule in RULES.values()
    ]


def explained_row(now: Snapshot, pid: int) -> ProcessRow | None:
    """The living process, if others had its pid before."""
    rows = (row for row in (*now.processes, *now.without_instance) if row.pid == pid)
    return min(rows, key=lambda row: row.ended, default=None)


def alone_in(now: Snapshot, row: ProcessRow) -> Snapshot:
    """Only that process, with what is found about it, and about instances that it shares."""
    return replace(
        now,
        processes=tuple(each for each in now.processes if each is row),
        without_instance=tuple(each for each in now.without_instance if each is row),
        findings=Findings(each for each in now.findings if _concerns(each.about, row)),
        ended_findings=tuple(each for each in now.ended_findings if _concerns(each.about, row)),
    )


def _concerns(about: About, row: ProcessRow) -> bool:
    """Whether it is the process or a part of it, or an instance that it holds, too."""
    is_instance = bool(about.file) and not about.tid
    return about.process == row.key or (is_instance and any(each.key == about.instance_key for each in row.instances))


def _of(rule: Rule[Any], findings: Iterable[Finding]) -> list[Finding]:
    return [each for each in findings if each.id == rule.id]


def _explained(
    rule: Rule[Any], cases: list[Examined], found: list[Finding], ended: list[Finding], settings: Settings
) -> Explained:
    if found:
        return Explained(rule, "found", found[0].who, _as_found(found[0], settings), len(cases), found)
    who = {each.who for each in ended}
    nearest = max(
        cases, key=lambda each: (bool(each.holds), each.case.who in who, *_nearness(each.compared)), default=None
    )
    name, values = (nearest.case.who, nearest.compared) if nearest else (None, ())
    return Explained(rule, _verdict(rule, nearest, settings, ended), name, values, len(cases), ended)


def _as_found(finding: Finding, settings: Settings) -> Sequence[Compared]:
    """What was compared when it was seen last. Whether something is so is not in the evidence; it was."""
    facts = finding.facts
    return max(
        (
            [
                compared_value(each, facts.get(each.value.name, True if each.value.unit == "truth" else None), settings)
                for each in conditions
            ]
            for conditions in _CONDITIONS[finding.id]
        ),
        key=_nearness,
    )


def _nearness(compared: Sequence[Compared]) -> tuple[bool, int, int]:
    results = [each.holds for each in compared]
    return all(results), results.count(True), -results.count(False)


def _verdict(rule: Rule[Any], nearest: Examined | None, settings: Settings, ended: list[Finding]) -> Verdict:
    if rule.id in settings.allowed:
        return "allowed"
    if ended and not (nearest and nearest.holds):
        return "ended"
    if nearest is None:
        return "nothing to judge"
    return "unknown" if nearest.holds is None else "holds" if nearest.holds else "no"
