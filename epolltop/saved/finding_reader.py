"""The findings of a snapshot file, as records of the model again."""

from __future__ import annotations

from epolltop.model.bounds import TICKS_BELOW
from epolltop.model.finding import SEVERITIES, About, Fact, Finding, Severity
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.saved.snapshot_form import Written
from epolltop.saved.two_clocks import TwoClocks
from epolltop.text.safe import printable


def read_findings(written: list[Written] | None, clocks: TwoClocks) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Those that are open, the worst first, and those that have ended, in the order of their ends.

    Raises:
        ValueError: no finding is like that.
    """
    found = [_finding(each, clocks) for each in written or ()]
    ended = [each for each in found if each.until_ns is not None]
    return tuple(each for each in found if each.until_ns is None), tuple(reversed(ended))


def read_thresholds(written: list[Written] | None) -> dict[str, float] | None:
    """What they compared with in place of defaults; None: the file does not tell."""
    return None if written is None else {printable(each.name): each.value for each in written}


def _finding(written: Written, clocks: TwoClocks) -> Finding:
    return Finding(
        id=printable(written.id),
        severity=SEVERITIES.get(written.severity, Severity.UNKNOWN),
        about=_about(written.subject, clocks),
        who=printable(written.who),
        since_ns=clocks.boot_ns_at(written.since),
        is_older=written.is_older,
        until_ns=clocks.boot_ns_at(written.until) if written.until else None,
        evidence=tuple((printable(name), _fact(fact)) for name, fact in written.evidence.items()),
        worst=written.worst,
        certain=written.certain,
    )


def _about(written: Written, clocks: TwoClocks) -> About:
    start = round(clocks.boot_ns_at(written.started_at) / NS_PER_TICK) if written.started_at else 0
    if not 0 <= start < TICKS_BELOW:
        raise ValueError("a start time that no process can have")
    file, _, since_ns = (written.instance or "0@0").partition("@")
    return About(ProcessKey(written.pid, start), int(file, 16), int(since_ns), written.tid or 0, 0, written.fd)


def _fact(fact: Fact) -> Fact:
    return printable(fact) if isinstance(fact, str) else fact
