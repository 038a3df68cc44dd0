"""A finding as a person tells it: labelled lines, with its rule and the numbers that were compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from epolltop.findings.families import RULES
from epolltop.findings.words import cause, fix, means, sentence
from epolltop.model.finding import Finding
from epolltop.model.snapshot import Snapshot
from epolltop.query.finding_rule import rule_lines
from epolltop.query.instant import local
from epolltop.query.story import StoryLine
from epolltop.text.numbers import duration


def finding_story(finding: Finding, snapshot: Snapshot) -> list[StoryLine]:
    """What is seen, since when, by which rule, what it means, what causes it, what mends it."""
    return list(_lines(finding, snapshot))


def found_lines(found: Iterable[Finding]) -> Iterator[StoryLine]:
    """A line for each finding about what is described."""
    for finding in found:
        yield finding.severity.word, f"{finding.id}: {sentence(finding)}"


def _lines(finding: Finding, snapshot: Snapshot) -> Iterator[StoryLine]:
    yield None, f"{finding.severity.word}: {finding.id} of {finding.who}"
    yield "seen", sentence(finding)
    yield "since", _since(finding, snapshot)
    rule = RULES.get(finding.id)
    if rule is None:
        yield "rule", "of a later epolltop"
        return
    yield "means", means(finding)
    yield "cause", cause(finding)
    yield "fix", fix(finding)
    yield from (("", f"{runtime}: {what}") for runtime, what in rule.fixes)
    yield "make sure", rule.confirm
    yield "healthy?", rule.healthy
    yield from rule_lines(finding, snapshot)
    yield "sure", "yes" if finding.certain else "no: the evidence may have another explanation"


def _since(finding: Finding, snapshot: Snapshot) -> str:
    at = local(finding.since_ns, snapshot)
    told = f"before {at}" if finding.is_older else at
    lasts = duration(finding.for_s(snapshot.now_ns))
    if finding.until_ns is None:
        return f"{told}, for {lasts}"
    return f"{told}, ended {local(finding.until_ns, snapshot)} after {lasts}"
