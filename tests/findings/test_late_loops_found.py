"""Programs whose loops are late, seen by the probes; and their twins under the same load."""

from __future__ import annotations

import pytest

from epolltop.model.finding import Severity

from .course import Course, observed

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

WINDOWS = 12
"""Two of them begin before the programs do."""
IDS = {
    "blocked-loop": "blocked-loop",
    "blocked-loop-sleeping": "blocked-loop",
    "blocked-loop-reading": "blocked-loop",
    "late-wakeup": "late-wakeup",
}
"""By defect."""


@pytest.fixture(name="course", scope="module")
def _course() -> Course:
    return observed(tuple(each for each in IDS if each != "late-wakeup"), WINDOWS)


@pytest.mark.parametrize(
    ("defect", "what", "doing"),
    [
        ("blocked-loop", "computes", {"on_cpu", "runnable", None}),
        ("blocked-loop-sleeping", "sleeps in clock_nanosleep", {"blocked"}),
        ("blocked-loop-reading", "sleeps in read", {"blocked"}),
    ],
)
def test_a_blocked_loop_is_found_with_its_cause(course: Course, defect: str, what: str, doing: set[str | None]) -> None:
    found = course.first(IDS[defect], defect)
    assert found, course.of(defect)
    _, finding = found
    assert str(finding.facts["what"]).startswith(what)
    assert finding.facts.get("doing") in doing
    assert finding.facts["away_max_s"] >= 0.2  # type: ignore[operator]
    assert finding.about.tid == course.told(defect)["pid"]
    if defect == "blocked-loop-reading":
        assert finding.facts["call_fd"] == course.told(defect)["fd"]


@pytest.mark.parametrize("defect", [each for each in IDS if each != "late-wakeup"])
def test_nothing_is_wrong_with_the_twin(course: Course, defect: str) -> None:
    found = [each for window in course.of(defect, healthy=True) for each in window]
    assert [each for each in found if each.severity > Severity.INFO] == []


def test_a_late_scheduler_is_not_a_blocked_loop() -> None:
    """The twin's competitors yield to it. The two run one after the other, because both use up a CPU.

    How late it is, is the scheduler's: now and then it is in time for a while.
    """
    sick = observed(("late-wakeup",), 2 * WINDOWS, twins=(False,))
    found = sick.first("late-wakeup", "late-wakeup")
    assert found, sick.of("late-wakeup")
    assert found[1].facts["late_s"] >= 0.01  # type: ignore[operator]
    assert found[1].about.tid == 0
    assert found[1].facts["late_loops"] == 1
    assert found[1].facts["latest_tid"] == sick.told("late-wakeup")["pid"]
    assert sick.first("blocked-loop", "late-wakeup") is None
    healthy = observed(("late-wakeup",), WINDOWS, twins=(True,))
    found_there = [each for window in healthy.of("late-wakeup", healthy=True) for each in window]
    assert [each for each in found_there if each.severity > Severity.INFO] == []
