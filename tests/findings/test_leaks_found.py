"""Programs that leak or come near to a limit, seen by the probes; and their twins under the same load."""

from __future__ import annotations

import pytest

from epolltop.model.finding import Severity

from .course import Course, observed, with_limit

pytestmark = pytest.mark.kernel

GROWING_S = 30
"""What descriptors must grow for."""
WINDOWS = 10
"""In which a finding must come after its evidence."""
IDS = ("instance-leak", "descriptor-leak", "near-fd-limit", "loop-per-request")


@pytest.fixture(name="course", scope="module")
def _course() -> Course:
    # A window is shorter than a second.
    return observed(IDS, round(GROWING_S / 0.9) + WINDOWS)


@pytest.mark.parametrize(
    ("id", "within", "severity"),
    [
        ("instance-leak", WINDOWS, Severity.CRITICAL),
        ("descriptor-leak", round(GROWING_S / 0.9) + WINDOWS, Severity.CRITICAL),
        ("near-fd-limit", WINDOWS, Severity.CRITICAL),
        ("loop-per-request", WINDOWS, Severity.INFO),
    ],
)
def test_it_is_found(course: Course, id: str, within: int, severity: Severity) -> None:
    found = course.first(id, id)
    assert found, course.of(id)
    number, finding = found
    assert number <= within
    # Critical is a leak while its time to the limit is known; facts about a process may be some seconds old.
    assert finding.severity in {severity, *([Severity.WARN] if id == "instance-leak" else [])}
    assert not finding.is_older


def test_the_numbers_are_those_of_the_program(course: Course) -> None:
    leak = course.first("instance-leak", "instance-leak")
    assert leak
    assert 0 < leak[1].facts["net_per_s"] <= 2 * course.told("instance-leak")["per_s"]  # type: ignore[operator]
    assert leak[1].facts["unused"] == pytest.approx(leak[1].facts["open"], abs=40)
    sockets = course.first("descriptor-leak", "descriptor-leak")
    assert sockets
    assert sockets[1].facts["kind"] == "socket"
    full = course.first("near-fd-limit", "near-fd-limit")
    told = course.told("near-fd-limit")
    assert full
    assert (full[1].facts["fds"], full[1].facts["fd_limit"]) == (told["fds"], told["fd_limit"])
    assert full[1].facts["most"] == "file"


@pytest.mark.parametrize("defect", IDS)
def test_nothing_is_wrong_with_the_twin(course: Course, defect: str) -> None:
    found = [each for window in course.of(defect, healthy=True) for each in window]
    assert [each for each in found if each.severity > Severity.INFO and each.id in IDS] == []


def test_near_watch_limit() -> None:
    """As a user who has no other watches."""
    course = observed(("near-watch-limit",), WINDOWS, changed=lambda batch: with_limit(batch, 1_400), uid=61_234)
    found = course.first("near-watch-limit", "near-watch-limit")
    assert found
    assert found[1].severity is Severity.WARN
    assert found[1].facts["watches"] == 900 + 300
    assert found[1].facts["of_process"] == course.told("near-watch-limit")["watches"]
    assert [each for window in course.of("near-watch-limit", healthy=True) for each in window] == []
