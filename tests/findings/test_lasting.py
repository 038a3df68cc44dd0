"""When a finding opens, how bad it is, and when it closes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.findings.cases import Cases
from epolltop.findings.evaluation import Match
from epolltop.findings.families import RULES
from epolltop.findings.lasting import Lasting
from epolltop.findings.process_case import ProcessCase
from epolltop.model.finding import About, Severity
from epolltop.model.process import ProcessKey
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.rows import process_row, snapshot

LEAK = RULES["instance-leak"]
ROW = process_row(42, name="worker")


def match(number: float = 1.0, severity: Severity = Severity.WARN, pid: int = 42, began_ns: int = 0) -> Match:
    row = replace(ROW, started_ns=began_ns)
    case = ProcessCase(Cases(snapshot(row)), row)
    return Match(LEAK, case, About(ProcessKey(pid, 7000)), severity, (("net_per_s", number),))


class Watched:
    """Windows of a second, one after the other."""

    def __init__(self) -> None:
        self.lasting, self.now_ns = Lasting(), NOW_NS

    def window(self, *found: Match, alive: tuple[int, ...] = (42,)) -> None:
        begin_ns, self.now_ns = self.now_ns, self.now_ns + SECOND_NS
        self.lasting.look(begin_ns, self.now_ns, found, {ProcessKey(pid, 7000) for pid in alive})

    @property
    def open(self) -> list[str]:
        return [finding.id for finding in self.lasting.open]


def test_it_opens_when_its_evidence_has_lasted() -> None:
    watched, opened = Watched(), []
    for _ in range(6):
        watched.window(match())
        opened.append(bool(watched.open))
    assert opened == [seconds >= LEAK.lasts_s for seconds in range(1, 7)]


def test_evidence_is_not_older_than_what_it_is_about() -> None:
    lasting, alive = Lasting(), {ProcessKey(42, 7000)}
    now_ns = NOW_NS + 60 * SECOND_NS  # a poll that took long
    lasting.look(NOW_NS, now_ns, [match(began_ns=now_ns - SECOND_NS)], alive)
    assert not lasting.open
    lasting.look(NOW_NS, now_ns, [match(began_ns=now_ns - round(LEAK.lasts_s) * SECOND_NS)], alive)
    assert [finding.id for finding in lasting.open] == ["instance-leak"]


def test_evidence_may_pause_within_ten_seconds() -> None:
    watched = Watched()
    for number in range(9):
        watched.window(*[match()] * (number % 2 == 0))
    assert watched.open == ["instance-leak"]


def test_evidence_of_more_than_ten_seconds_ago_does_not_count() -> None:
    watched = Watched()
    for _ in range(3):
        for _ in range(4):
            watched.window(match())
        for _ in range(10):
            watched.window()
    assert watched.open == []
    assert watched.lasting.ended == ()


def test_it_began_with_its_evidence_and_is_older_if_that_was_there_at_first() -> None:
    watched = Watched()
    for _ in range(5):
        watched.window(match())
    (finding,) = watched.lasting.open
    assert (finding.since_ns, finding.is_older) == (NOW_NS, True)
    watched = Watched()
    watched.window()
    for _ in range(5):
        watched.window(match())
    (finding,) = watched.lasting.open
    assert (finding.since_ns, finding.is_older) == (NOW_NS + SECOND_NS, False)


def test_it_closes_after_ten_seconds_without_evidence_and_ended_with_the_last() -> None:
    watched = Watched()
    for _ in range(5):
        watched.window(match())
    last_ns = watched.now_ns
    for _ in range(9):
        watched.window()
        assert watched.open == ["instance-leak"]
    watched.window()
    assert watched.open == []
    (ended,) = watched.lasting.ended
    assert ended.until_ns == last_ns
    assert ended.for_s(watched.now_ns) == 5.0


def test_it_closes_at_once_if_the_process_ends() -> None:
    watched = Watched()
    for _ in range(5):
        watched.window(match())
    watched.window(alive=())
    assert watched.open == []
    assert [each.id for each in watched.lasting.ended] == ["instance-leak"]


def test_it_keeps_the_worst_and_tells_the_present() -> None:
    watched = Watched()
    for number in (1.0, 9.0, 2.0, 2.0, 3.0):
        watched.window(match(number))
    (finding,) = watched.lasting.open
    assert (finding.worst, finding.facts["net_per_s"]) == (9.0, 3.0)


def test_it_is_as_bad_as_it_was_within_ten_seconds() -> None:
    watched = Watched()
    for severity in (Severity.CRITICAL, *[Severity.WARN] * 9):
        watched.window(match(severity=severity))
    assert [each.severity for each in watched.lasting.open] == [Severity.CRITICAL]
    watched.window(match())
    assert [each.severity for each in watched.lasting.open] == [Severity.WARN]


def test_the_gravest_comes_first() -> None:
    watched = Watched()
    for _ in range(5):
        watched.window(match(pid=1), match(pid=2, severity=Severity.CRITICAL), alive=(1, 2))
    assert [each.about.process.pid for each in watched.lasting.open] == [2, 1]


def test_there_is_a_bound_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epolltop.findings.lasting.FINDINGS_MAX", 3)
    watched = Watched()
    for _ in range(5):
        watched.window(*(match(pid=pid) for pid in range(1, 8)), alive=tuple(range(1, 8)))
    assert len(watched.lasting.open) == 3
    assert watched.lasting.left_out == 4


def test_only_the_last_that_ended_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epolltop.findings.lasting.ENDED_MAX", 2)
    watched = Watched()
    for pid in (1, 2, 3):
        for _ in range(5):
            watched.window(match(pid=pid), alive=(pid,))
    watched.window(alive=())
    assert [each.about.process.pid for each in watched.lasting.ended] == [2, 3]
