"""The thresholds that are told beside a finding are those that it was judged by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.findings.diagnosis import Diagnosis
from epolltop.findings.settings import Settings
from epolltop.model.finding import About, Finding, Severity
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.world import World
from epolltop.query.finding_rule import changed_thresholds, rule_lines
from epolltop.query.finding_story import finding_story
from tests.support.fake_source import Task, batch_of
from tests.support.records import P


def judged(fds: int, **changed: float) -> Snapshot:
    """Of a process with that many of 1,024 descriptors; limit_fd_percent stands for limit.fd_percent."""
    named = {name.replace("limit_", "limit."): number for name, number in changed.items()}
    world = World(Selection(), Diagnosis(Settings(named)))
    window = world.open_window()
    world.apply(batch_of(Task(61, "leaky", open=2, fds=fds)))
    return world.freeze(window)


def rule(snapshot: Snapshot) -> str:
    (finding,) = snapshot.findings
    lines = [text for _, text in rule_lines(finding, snapshot)]
    assert set(lines) <= {text for _, text in finding_story(finding, snapshot)}
    return lines[0]


def test_defaults_are_told_as_they_are() -> None:
    assert rule(judged(900)) == "fd_share 88%, at least 80%; critical: 95%"


def test_a_threshold_that_was_changed_is_told_with_its_default() -> None:
    told = rule(judged(600, limit_fd_percent=50.5))
    assert told == "fd_share 59%, at least 50% (limit.fd_percent=50.5, default 80); critical: 95%"


def test_so_is_the_one_that_makes_it_critical() -> None:
    told = rule(judged(900, limit_fd_critical_percent=85))
    assert told == "fd_share 88%, at least 80%; critical: 85% (limit.fd_critical_percent=85, default 95)"


@pytest.mark.parametrize("changed", [{"limit_fd_percent": 80}, {"blocked.away_ms": 50}])
def test_one_that_is_set_to_its_default_or_of_another_rule_is_no_change(changed: dict[str, float]) -> None:
    shown = judged(900, **changed)
    assert rule(shown) == "fd_share 88%, at least 80%; critical: 95%"
    assert changed_thresholds("near-fd-limit", shown) == []


def test_defaults_of_a_file_that_does_not_tell_are_not_passed_off_as_those_in_force() -> None:
    known = judged(900, limit_fd_percent=50)
    unknown = replace(known, thresholds=None)
    doubt = "these thresholds are the defaults; whether others were in force is not known"
    (finding,) = known.findings
    assert rule(unknown) == "fd_share 88%, at least 80%; critical: 95%"
    assert ("", doubt) in rule_lines(finding, unknown)
    assert ("", doubt) not in rule_lines(finding, known)
    assert changed_thresholds("near-fd-limit", unknown) == []


def test_of_rules_with_the_same_words_it_is_the_one_that_found_it() -> None:
    """Delays after timeouts and threads that were seen to wait for a CPU are both a late wakeup."""
    about = About(P)
    late = Finding("late-wakeup", Severity.INFO, about, "worker 100", 1, is_older=False)
    by_delay = (("poll_delay_max_s", 0.03), ("timeouts", 5), ("poll_delay_p99_s", 0.02))
    assert _compared_in(late._replace(evidence=by_delay)) == [name for name, _ in by_delay]
    for name in ("throttled_away_s", "runnable_away_s"):
        assert _compared_in(late._replace(evidence=((name, 0.3),))) == [name]


def _compared_in(finding: Finding) -> list[str]:
    return [text.partition(" ")[0] for _, text in rule_lines(finding, judged(1)) if ", at least " in text]


def test_all_that_were_changed_for_the_page_of_a_rule() -> None:
    shown = judged(900, limit_fd_percent=50, limit_fd_critical_percent=99.5)
    assert changed_thresholds("near-fd-limit", shown) == [
        "limit.fd_percent=50, default 80",
        "limit.fd_critical_percent=99.5, default 95",
    ]
    assert changed_thresholds("blocked-loop", shown) == []
