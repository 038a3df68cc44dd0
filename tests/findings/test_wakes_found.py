"""Wakes, changes of interest lists and what is wrong in lists, seen by the probes; and the healthy twins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from epolltop.model.finding import Severity
from epolltop.sources.namespace_sockets import by_netlink
from tests.workloads.with_defect import defect

from .live import PATIENCE, Live, live

pytestmark = pytest.mark.kernel

SEVERITIES = {
    "idle-wakeups": Severity.WARN,
    "interrupted-waits": Severity.WARN,
    "saturated-batches": Severity.INFO,
    "waits-for-nothing": Severity.INFO,
    "ctl-churn": Severity.INFO,
    "ctl-errors": Severity.WARN,
    "stale-watch": Severity.WARN,
    "stale-watch-kept-by-child": Severity.WARN,
    "watch-closed-by-child": Severity.INFO,
    "nested": Severity.INFO,
    "stalled-edge": Severity.WARN,
}
RULES = {"stale-watch-kept-by-child": "stale-watch", "watch-closed-by-child": "watch-of-another"}
"""Where the id is not the name of the program."""
WINDOWS = 15
"""Lists take their turn, and two readings are 5 s apart."""


@pytest.fixture(name="observing", scope="module")
def _observing() -> Iterator[Live]:
    by_netlink()  # the first look at a socket takes as long that the next one comes late
    with live() as observing:
        yield observing


@pytest.mark.parametrize("name", SEVERITIES)
def test_the_defect_is_found(observing: Live, name: str) -> None:
    with defect(name) as told:
        judging = observing.of({told["pid"], *told.get("children", ())})
        found = judging.finds(RULES.get(name, name), {told["pid"]})
    # Beside other tests a loop that is often away for want of a CPU is busy, too.
    assert found.severity in {SEVERITIES[name], *([Severity.WARN] if name == "saturated-batches" else [])}
    assert found.facts.get("fd", told.get("fd")) == told.get("fd")


def test_the_commonest_error_is_named(observing: Live) -> None:
    with defect("ctl-errors") as told:
        found = observing.of({told["pid"]}).finds("ctl-errors", {told["pid"]})
    assert found.facts["error"] in ("DEL:EBADF", "ADD:EPERM")


def test_nested_instances_are_told_with_their_depth(observing: Live) -> None:
    with defect("nested") as told:
        finding = observing.of({told["pid"]})
        depths: dict[object, object] = {}
        for _ in range(PATIENCE):
            if len(depths) == len(told["inner_epfds"]):  # lists take turns, so they may be found one after the other
                break
            finding.next_window()
            depths = {each.facts["inner"]: each.facts["depth"] for each in finding.found({"nested"}, {told["pid"]})}
    innermost, middle = told["inner_epfds"]
    assert depths == {str(innermost): 2, str(middle): 3}


def test_the_healthy_twins_have_nothing(observing: Live) -> None:
    with ExitStack() as stack:
        told = [stack.enter_context(defect(name, healthy=True)) for name in SEVERITIES]
        pids = {pid for each in told for pid in (each["pid"], *each.get("children", ())) if pid > 0}
        judging = observing.of(pids)
        ids = {RULES.get(name, name) for name in SEVERITIES}
        for _ in range(WINDOWS):
            judging.next_window()
            assert judging.found(ids, pids) == []
