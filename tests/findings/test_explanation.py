"""What is said of each rule about one process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.findings.diagnosis import Diagnosis
from epolltop.findings.explanation import Explained, explained, explained_row
from epolltop.findings.families import RULES
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.finding import About, Finding, Findings
from epolltop.model.snapshot import Snapshot
from tests.support.records import SECOND_NS
from tests.support.rows import instance, process_row, snapshot

ID = "near-fd-limit"
FULL, EMPTY = snapshot(process_row(42, fds=990, fd_limit=1000)), snapshot(process_row(42, fds=10, fd_limit=1000))


def of(now: Snapshot, settings: Settings = DEFAULTS, *, id: str = ID) -> Explained:
    (row,) = now.processes
    told = explained(row, now, None, settings)
    assert [each.rule.id for each in told] == list(RULES)
    return next(each for each in told if each.rule.id == id)


def found_in(now: Snapshot) -> Finding:
    judge = Diagnosis()
    judge.look(now)
    return next(each for each in judge.findings if each.id == ID)


def numbers(told: Explained) -> list[tuple[object, bool | None]]:
    return [(each.value, each.holds) for each in told.compared]


def test_what_is_found_has_the_values_with_which_it_was_seen() -> None:
    """Its evidence stays away for seconds before it closes."""
    finding = found_in(FULL)
    told = of(replace(EMPTY, findings=Findings((finding,))))
    assert (told.verdict, told.who, numbers(told)) == ("found", finding.who, [(0.99, True)])


def test_what_was_found_has_the_values_of_now() -> None:
    until_ns = EMPTY.now_ns - SECOND_NS
    earlier, last = (found_in(FULL)._replace(until_ns=until_ns - ago) for ago in (SECOND_NS, 0))
    told = of(replace(EMPTY, ended_findings=(earlier, last)))
    assert (told.verdict, numbers(told), list(told.findings)) == ("ended", [(0.01, False)], [last, earlier])
    other = last._replace(about=last.about._replace(process=last.about.process._replace(start=1)))
    assert of(replace(EMPTY, ended_findings=(other,))).verdict == "no"


def test_what_was_found_and_holds_again_is_not_over() -> None:
    finding = found_in(FULL)._replace(until_ns=FULL.now_ns - 30 * SECOND_NS)
    assert of(replace(FULL, ended_findings=(finding,))).verdict == "holds"


@pytest.mark.parametrize(
    ("now", "settings", "verdict"),
    [
        (FULL, DEFAULTS, "holds"),
        (EMPTY, DEFAULTS, "no"),
        (snapshot(process_row(42, fds=None, fd_limit=1000)), DEFAULTS, "unknown"),
        (FULL, Settings(allowed=frozenset((ID,))), "allowed"),
    ],
)
def test_what_is_not_found(now: Snapshot, settings: Settings, verdict: str) -> None:
    assert of(now, settings).verdict == verdict


def test_a_process_without_a_loop_has_nothing_that_a_rule_about_loops_judges() -> None:
    told = of(EMPTY, id="blocked-loop")
    assert (told.verdict, told.who, told.compared, told.cases) == ("nothing to judge", None, (), 0)


def test_what_others_do_is_not_told_but_what_is_found_about_a_shared_instance() -> None:
    shared, others = instance(), process_row(43, fds=990, fd_limit=1000)
    mine = process_row(42, fds=10, fd_limit=1000, instances=(shared,))
    finding = found_in(snapshot(others))
    about_shared = About(others.key, *shared.key)
    now = replace(
        snapshot(others, mine),
        findings=Findings(
            (finding, finding._replace(about=about_shared), finding._replace(about=about_shared._replace(tid=43)))
        ),
    )
    assert explained_row(now, 42) is mine
    told = next(each for each in explained(mine, now, None, DEFAULTS) if each.rule.id == ID)
    assert [each.about for each in told.findings] == [about_shared]
    assert told.cases == 1
