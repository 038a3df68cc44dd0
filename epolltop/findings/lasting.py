"""How long the evidence of findings lasts: they open when it has lasted, and close when it stays away.

The same snapshots give the same findings, live or replayed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, NamedTuple, TypeAlias

from epolltop.findings.evaluation import Match
from epolltop.findings.rule import Rule
from epolltop.model.finding import ENDED_MAX, FINDINGS_MAX, About, Fact, Finding, Findings, Severity, worst_first
from epolltop.model.process import ProcessKey

SPAN_NS = 10_000_000_000
"""Evidence that lasted long enough within this time opens a finding. It closes if there was none for as long."""

_Which: TypeAlias = tuple[str, About]


class _Period(NamedTuple):
    """One that showed the evidence; of what began within it the rest."""

    begin_ns: int
    end_ns: int
    severity: Severity


class _Course(NamedTuple):
    """Of one rule about one thing."""

    rule: Rule[Any]
    who: str
    since_ns: int
    began_ns: int
    """When that thing began, as in AnyCase."""
    windows: tuple[_Period, ...]
    """Within the span, the oldest first."""
    is_open: bool
    certain: bool
    told: tuple[tuple[str, Fact], ...]
    worst: float | None


class Lasting:
    """All evidence, of open findings and of those that may open."""

    def __init__(self) -> None:
        self.began_ns = 0
        """Boot clock: when judging began; 0: it did not yet."""
        self.open = Findings()
        """The worst first."""
        self.ended: tuple[Finding, ...] = ()
        """The last ones, in the order of their ends."""
        self.left_out = 0
        """How many there was no room for in the last window."""
        self._known: dict[_Which, _Course] = {}

    def look(self, begin_ns: int, now_ns: int, found: Iterable[Match], alive: Container[ProcessKey]) -> None:
        """Takes in a window; windows come in order.

        Args:
            begin_ns: of the window, on the boot clock.
            now_ns: its end.
            found: which rules held in it.
            alive: processes that have not ended.
        """
        self.began_ns = self.began_ns or begin_ns
        self.left_out = 0
        seen: set[_Which] = set()
        for match in found:
            place = match.rule.id, match.about
            if place not in self._known and len(self._known) >= FINDINGS_MAX:
                self.left_out += 1
                continue
            seen.add(place)
            period = _Period(max(begin_ns, min(match.case.began_ns, now_ns)), now_ns, match.severity)
            self._known[place] = _with(self._known.get(place), match, period)
        closing = [place for place in self._known if place not in seen and self._is_over(place, now_ns, alive)]
        over = [(place, self._known.pop(place)) for place in closing]
        ended = [self._finding(place, each, is_over=True) for place, each in over if each.is_open]
        self.ended = (*self.ended, *ended)[-ENDED_MAX:] if ended else self.ended
        now = (self._finding(place, each, is_over=False) for place, each in self._known.items() if each.is_open)
        self.open = Findings(sorted(now, key=worst_first))

    def _is_over(self, place: _Which, now_ns: int, alive: Container[ProcessKey]) -> bool:
        last_ns = self._known[place].windows[-1].end_ns
        return now_ns - last_ns >= SPAN_NS or place[1].process not in alive

    def _finding(self, place: _Which, evidence: _Course, *, is_over: bool) -> Finding:
        return Finding(
            place[0],
            max(window.severity for window in evidence.windows),
            place[1],
            evidence.who,
            evidence.since_ns,
            evidence.since_ns <= self.began_ns and evidence.began_ns < self.began_ns,
            evidence.windows[-1].end_ns if is_over else None,
            evidence.told,
            evidence.worst,
            evidence.certain,
        )


def _with(before: _Course | None, match: Match, window: _Period) -> _Course:
    """Evidence with one more window."""
    rule = match.rule
    recent = (each for each in before.windows if window.end_ns - each.end_ns < SPAN_NS) if before else ()
    windows = (*recent, window)
    lasted_s = sum(each.end_ns - each.begin_ns for each in windows) / 1e9
    was_open = before is not None and before.is_open
    first = match.evidence[0][1] if match.evidence else None
    number = float(first) if isinstance(first, int | float) else None
    numbers = [each for each in (before.worst if before else None, number) if each is not None]
    return _Course(
        rule,
        match.case.who,
        before.since_ns if before and was_open else windows[0].begin_ns,
        match.case.began_ns,
        windows,
        was_open or lasted_s >= rule.lasts_s * 0.95,  # windows are as long as a timer makes them
        rule.certain if isinstance(rule.certain, bool) else rule.certain(match.case),
        match.evidence,
        max(numbers, default=None),
    )
