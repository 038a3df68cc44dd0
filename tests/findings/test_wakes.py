"""Wakes in vain, and changes of interest lists, on made snapshots: both sides of each threshold."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from epolltop.findings.families.list_changes import CTL_CHURN, CTL_ERRORS
from epolltop.findings.families.wakes import BATCHES, IDLE, INTERRUPTED, NOTHING
from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.finding import Severity
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import InterestList
from tests.support.records import NOW_NS, SECOND_NS, turn
from tests.support.rows import instance, loop_row

from .judged import judged, running, seen_by, traced

OF = instance()
KEY = CtlKey(*OF.traced_key, ProcessKey(42, 7000))


def loop(**changes: object) -> Snapshot:
    """What one loop did in a second."""
    return traced(running(loop_row(OF, **changes), instances=(OF,)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("waits", "met", "severity"),
    [(50, 50, Severity.WARN), (49, 49, Severity.INFO), (11, 11, Severity.INFO), (10, 10, None), (56, 50, None)],
)
def test_idle_wakeups(waits: int, met: int, severity: Severity | None) -> None:
    found = judged(IDLE, loop(waits=waits, timeouts_met=met))
    assert (found and found.severity) == severity


@pytest.mark.parametrize(
    ("waits", "interrupted", "severity"),
    [(100, 50, Severity.WARN), (98, 49, Severity.INFO), (20, 10, Severity.INFO), (18, 9, None), (102, 50, None)],
)
def test_interrupted_waits(waits: int, interrupted: int, severity: Severity | None) -> None:
    found = judged(INTERRUPTED, loop(waits=waits, interrupted=interrupted))
    assert (found and found.severity) == severity


@pytest.mark.parametrize("family", [IDLE, INTERRUPTED, BATCHES])
def test_without_a_probe_on_waits_nothing_is_found(family: object) -> None:
    row = running(loop_row(OF, waits=100, timeouts_met=100, interrupted=100, full=100, wakes=100), instances=(OF,))
    assert judged(family, seen_by("epoll_ctl", now=traced(row))) is None  # type: ignore[arg-type]


class TestBatches:
    def full(self, *, watches: int | None = 64, away_s: float = 0.1, full: int = 60, maxevents: int = 8) -> Snapshot:
        of = OF._replace(watches=watches)
        did = {"waits": 120, "wakes": 120, "full": full, "was_away_ns": round(away_s * SECOND_NS)}
        waits = turn(NOW_NS - 1000, maxevents=maxevents)
        return traced(running(loop_row(of, turn=waits, **did), instances=(of,)))

    @pytest.mark.parametrize(("away_s", "severity"), [(0.8, Severity.WARN), (0.79, Severity.INFO)])
    def test_only_a_busy_loop_is_a_warning(self, away_s: float, severity: Severity) -> None:
        found = judged(BATCHES, self.full(away_s=away_s))
        assert found is not None
        assert found.severity is severity

    @pytest.mark.parametrize("changes", [{"watches": 8}, {"watches": None}, {"full": 59}, {"maxevents": 64}], ids=str)
    def test_others_are_not_found(self, changes: dict[str, int | None]) -> None:
        assert judged(BATCHES, self.full(**changes)) is None  # type: ignore[arg-type]


class TestNothing:
    def waits(
        self, *, for_s: float = 5, read_s: float | None = 1, timeout_ns: int | None = None, more: int = 0
    ) -> Snapshot:
        read = None if read_s is None else InterestList((), more, at_ns=NOW_NS - round(read_s * SECOND_NS))
        of = OF._replace(interest=read)
        since = turn(NOW_NS - round(for_s * SECOND_NS), timeout_ns=timeout_ns)
        return traced(running(loop_row(of, turn=since), instances=(of,)))

    def test_an_endless_wait_on_an_empty_list_is_found(self) -> None:
        found = judged(NOTHING, self.waits())
        assert found is not None
        assert found.severity is Severity.INFO

    @pytest.mark.parametrize(
        "changes",
        [{"for_s": 4.9}, {"read_s": None}, {"read_s": 6}, {"timeout_ns": SECOND_NS}, {"timeout_ns": -2}, {"more": 1}],
        ids=str,
    )
    def test_others_are_not(self, changes: dict[str, float]) -> None:
        assert judged(NOTHING, self.waits(**changes)) is None  # type: ignore[arg-type]


class TestChurn:
    def changed(self, number: int, waits: int) -> Snapshot:
        return replace(loop(waits=waits), ctl={KEY: CtlCounts(mod=number)})

    @pytest.mark.parametrize(("number", "waits", "is_found"), [(1000, 500, True), (999, 10, False), (1000, 501, False)])
    def test_both_thresholds(self, number: int, waits: int, is_found: bool) -> None:
        found = judged(CTL_CHURN, self.changed(number, waits), traced())
        assert (found is not None) is is_found
        assert found is None or found.severity is Severity.INFO

    def test_what_was_done_to_an_instance_that_is_gone_is_not_that_of_the_next_at_its_address(self) -> None:
        """Even if the same process has both."""
        own, other = CtlCounts(add=1), KEY._replace(created_ns=KEY.created_ns - 1)
        now = replace(loop(waits=10), ctl={KEY: own, other: CtlCounts(mod=1000)})
        assert judged(CTL_CHURN, now, traced()) is None
        failed = replace(now, ctl_errors={other: {(CtlOperation.ADD, errno.EINVAL): 9}})
        assert judged(CTL_ERRORS, failed, traced()) is None

    def test_what_nobody_waits_for_or_nothing_sees_is_not_judged(self) -> None:
        assert judged(CTL_CHURN, self.changed(1000, 0), traced()) is None
        assert judged(CTL_CHURN, seen_by("epoll_wait", now=self.changed(1000, 10)), traced()) is None
        assert judged(CTL_CHURN, self.changed(1000, 10)) is None


class TestErrors:
    def failed(self, *errors: tuple[CtlOperation, int, int]) -> Snapshot:
        how = {(operation, number): times for operation, number, times in errors}
        return replace(loop(), ctl={KEY: CtlCounts(add=sum(how.values()))}, ctl_errors={KEY: how})

    @pytest.mark.parametrize(
        "number", [errno.EBADF, errno.EPERM, errno.ENOSPC, errno.ELOOP, errno.EINVAL], ids=errno.errorcode.__getitem__
    )
    def test_what_programs_do_not_make_use_of_is_a_warning(self, number: int) -> None:
        found = judged(CTL_ERRORS, self.failed((CtlOperation.ADD, number, 1)), traced())
        assert found is not None
        assert found.severity is Severity.WARN
        assert dict(found.evidence)["error"] == f"ADD:{errno.errorcode[number]}"

    @pytest.mark.parametrize("number", [errno.EEXIST, errno.ENOENT], ids=errno.errorcode.__getitem__)
    def test_what_they_make_use_of_is_a_note(self, number: int) -> None:
        found = judged(CTL_ERRORS, self.failed((CtlOperation.MOD, number, 1000)), traced())
        assert found is not None
        assert found.severity is Severity.INFO

    def test_the_commonest_that_is_grave_is_named(self) -> None:
        how = (
            (CtlOperation.ADD, errno.EEXIST, 9),
            (CtlOperation.DEL, errno.EBADF, 3),
            (CtlOperation.ADD, errno.EPERM, 1),
        )
        found = judged(CTL_ERRORS, self.failed(*how), traced())
        assert found is not None
        assert dict(found.evidence) == {
            "errors_per_s": 4.0,
            "error": "DEL:EBADF",
            "meaning": "the descriptor is closed",
        }

    def test_less_than_one_a_second_is_none(self) -> None:
        now = self.failed((CtlOperation.ADD, errno.EBADF, 1))
        assert judged(CTL_ERRORS, replace(now, window_s=1.1), traced()) is None
