"""Findings as lines, when they open and close."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator

from epolltop.findings.words import sentence
from epolltop.model.finding import Finding
from epolltop.model.snapshot import Snapshot
from epolltop.output.parts import Parts
from epolltop.query.finding_members import FINDING
from epolltop.query.instant import local
from epolltop.text.glyphs import in_ascii
from epolltop.text.numbers import duration


class FindingLines:
    """Of one observation: what has changed since the last snapshot."""

    def __init__(self, *, json: bool, ascii_only: bool) -> None:
        """Nothing was told yet.

        Args:
            json: one object a line.
            ascii_only: use no other characters.
        """
        self._json, self._ascii_only = json, ascii_only
        self._open: set[tuple[object, ...]] = set()

    def told(self, snapshot: Snapshot) -> Parts:
        """The lines about what opened, and about what closed."""
        open_now = {_which(finding): finding for finding in snapshot.findings}
        closed = [each for each in snapshot.ended_findings if _which(each) in self._open - open_now.keys()]
        lines = [
            *self._lines("opened", [each for which, each in open_now.items() if which not in self._open], snapshot),
            *self._lines("closed", closed, snapshot),
        ]
        self._open = set(open_now)
        return lines

    def _lines(self, change: str, findings: list[Finding], snapshot: Snapshot) -> Iterator[str]:
        for finding in findings:
            if self._json:
                told = {"change": change, **FINDING.written(finding, snapshot)}
                yield jsonlib.dumps(told) + "\n"
                continue
            at_ns = finding.until_ns if change == "closed" else finding.since_ns
            line = f"{local(at_ns, snapshot)} {change} {finding.severity.word} {finding.id} {finding.who}: "
            line += f"after {duration(finding.for_s(snapshot.now_ns))}, " if change == "closed" else ""
            line += sentence(finding)
            yield (in_ascii(line) if self._ascii_only else line) + "\n"


def _which(finding: Finding) -> tuple[object, ...]:
    return finding.id, finding.about, finding.since_ns
