"""Processes that have what others made, seen by the probes; and their healthy twins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from epolltop.model.finding import Severity
from tests.workloads.with_defect import defect

from .live import Live, live

pytestmark = pytest.mark.kernel

SHARED, BY_EXEC = "shared-after-fork", "inherited-by-exec"
DEFECTS = (SHARED, "shared-after-fork-changes", BY_EXEC)


@pytest.fixture(name="observing", scope="module")
def _observing() -> Iterator[Live]:
    with live() as observing:
        yield observing


@pytest.mark.parametrize("is_older", [True, False], ids=["older", "created"])
def test_a_child_that_waits_too_shares_it(is_older: bool) -> None:
    """Of an instance that is older than the observation neither creator nor age is known."""
    with ExitStack() as stack:
        observing = None if is_older else stack.enter_context(live())
        if observing:
            observing.next_window()
        told = stack.enter_context(defect(SHARED))
        found = (observing or stack.enter_context(live())).finds(SHARED, {told["pid"]})
    facts = found.facts
    assert (found.severity, found.certain, facts["users"], facts["holders"]) == (Severity.WARN, True, 2, 2)
    assert {str(each).split()[-1] for each in str(facts["waiting"]).split(",")} == {
        str(told["pid"]), str(told["children"][0])
    }  # fmt: skip
    assert ("creator" in facts) is not is_older


def test_a_child_that_changes_the_list_shares_it(observing: Live) -> None:
    with defect("shared-after-fork-changes") as told:
        facts = observing.finds(SHARED, {told["pid"]}).facts
    assert str(facts["waiting"]).endswith(f" {told['pid']}")
    assert str(facts["changing"]).endswith(f" {told['children'][0]}")


def test_a_program_that_was_executed_with_it_is_named(observing: Live) -> None:
    with defect(BY_EXEC) as told:
        found = observing.finds(BY_EXEC, {told["pid"]})
    assert found.severity is Severity.INFO
    assert found.facts["programs"] == f"sleep {told['children'][0]}"
    assert found.facts["fd"] == told["epfd"]


def test_the_healthy_twins_share_nothing(observing: Live) -> None:
    with ExitStack() as stack:
        told = [stack.enter_context(defect(name, healthy=True)) for name in DEFECTS]
        pids = {pid for each in told for pid in (each["pid"], *each["children"])}
        for _ in range(10):
            observing.next_window()
            assert observing.found({SHARED, BY_EXEC}, pids) == []
