"""What all findings come to, in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from epolltop.findings.words import sentence
from epolltop.model.finding import SEVERITIES, Finding, Severity
from epolltop.model.snapshot import Snapshot
from epolltop.text.numbers import duration, grouped, plural

_WORDS = {Severity.CRITICAL: "critical", Severity.WARN: "warning", Severity.INFO: "note"}


def verdict(snapshot: Snapshot) -> str:
    """The worst finding, and how many others there are; or that nothing was found, where and for how long."""
    if snapshot.judged_s is None:
        return "Rules were not applied."
    if not snapshot.findings:
        loops = snapshot.loop_count
        where = plural(loops, "loop") if loops else plural(len(snapshot.processes), "process")
        told = f"nothing found in {where} for {duration(snapshot.judged_s)}"
        return told if snapshot.source.sees("waits") else f"{told}; without a probe on waits no loop is judged"
    worst, *others = snapshot.findings
    line = f"{worst.who}: {sentence(worst)}"
    if others:
        line += f"  + {counted(others)}"
    return line


def counted(found: Iterable[Finding]) -> str:
    """How many findings of each severity: 2 critical, 3 warnings, 1 note."""
    numbers = Counter(each.severity for each in found)
    parts = []
    for severity in reversed(SEVERITIES.values()):
        number, word = numbers.get(severity, 0), _WORDS[severity]
        if number:
            parts.append(f"{grouped(number)} {word}" if severity is Severity.CRITICAL else plural(number, word))
    return ", ".join(parts)
