"""Late loops on made snapshots: both sides of each threshold, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.findings.families.blocked_loops import AWAY
from epolltop.findings.settings import Settings
from epolltop.findings.words import brief, cause, sentence
from epolltop.model.finding import Finding, Severity
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_activity import WaitCall
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import AwayParts
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import Target, TargetKind
from tests.support.records import NOW_NS, SECOND_NS, turn
from tests.support.rows import instance

from .judged import judged, running, seen_by, traced
from .late_loops import MS, look, loop, over


class TestBlockedLoop:
    @pytest.mark.parametrize(
        ("away_ms", "severity"), [(99, None), (100, Severity.WARN), (999, Severity.WARN), (1000, Severity.CRITICAL)]
    )
    @pytest.mark.parametrize(("cpu", "late"), [(0.995, None), (0.995, look(Doing.ON_CPU)), (0.0, look())])
    def test_thresholds(self, away_ms: float, severity: Severity | None, cpu: float, late: LateLook | None) -> None:
        found = judged(AWAY, over(loop(away_ms, cpu=cpu, late=late)))
        assert (found.severity if found else None) == severity

    def test_what_it_did_is_told(self) -> None:
        target = Target(TargetKind.TCP, "10.0.0.1:5432")
        late = look(fd=9, target=target, stack=("read (libc.so.6)", "query (app)"))
        found = judged(AWAY, over(loop(204, 204, 3, late=late)))
        assert found is not None
        told = dict(found.evidence)
        assert told["times"] == 2
        assert told["what"] == "sleeps in read on tcp 10.0.0.1:5432"
        assert (told["doing"], told["call"], told["call_fd"], told["target"]) == ("blocked", "read", 9, target.title)
        assert told["at"] == "read (libc.so.6)"
        words = Finding(
            found.rule.id, found.severity, found.about, "x 42/8", 0, is_older=False, evidence=found.evidence
        )
        assert brief(words) == "away 204ms: sleeps in read on tcp 10.0.0.1:5432"
        assert sentence(words) == "the loop was away for 204ms; it sleeps in read on tcp 10.0.0.1:5432"
        assert "sleeps in read" in cause(words)

    def test_a_loop_that_computes_says_so(self) -> None:
        found = judged(AWAY, over(loop(300, cpu=1.0)))
        assert found is not None
        assert dict(found.evidence)["what"] == "computes"

    @pytest.mark.parametrize("doing", [Doing.PAGE_FAULT, Doing.STOPPED])
    def test_it_may_sleep_without_a_call(self, doing: Doing) -> None:
        assert judged(AWAY, over(loop(300, late=look(doing)))) is not None

    @pytest.mark.parametrize(
        "late", [None, *map(look, (Doing.RUNNABLE, Doing.THROTTLED, Doing.ON_CPU, Doing.BLOCKED, Doing.UNKNOWN))]
    )
    def test_waiting_for_a_cpu_is_not_its_own_fault(self, late: LateLook | None) -> None:
        assert judged(AWAY, over(loop(400, cpu=0.2, runq=0.76, late=late))) is None
        found = judged(AWAY, over(loop(400, cpu=0.2, runq=0.75, late=late)))
        assert found is not None
        assert dict(found.evidence)["own_s"] == 0.1

    def test_what_was_seen_is_told_although_another_time_away_computed(self) -> None:
        both = AwayParts(own_ns=150 * MS, cpu_ns=100 * MS)
        for parts, what in ((both, "sleeps in read"), (both._replace(cpu_ns=149 * MS), "computes")):
            found = judged(AWAY, over(loop(150, 100, cpu=0.4, parts=parts, late=look())))
            assert found is not None
            assert dict(found.evidence)["what"] == what

    def test_where_the_longest_is_lost_nothing_is_known(self) -> None:
        """The kernel may have changed the tick in between."""
        assert judged(AWAY, over(loop(400, cpu=1.0, parts=AwayParts()))) is None

    def test_what_is_long_is_what_the_user_says(self) -> None:
        computes, quick = over(loop(60, cpu=1.0)), Settings({"blocked.away_ms": 50})
        assert judged(AWAY, computes) is None
        found = judged(AWAY, computes, settings=quick)
        assert found is not None
        assert dict(found.evidence)["times"] == 1

    def test_without_a_look_the_call_is_not_known(self) -> None:
        found = judged(AWAY, over(loop(300, cpu=0.1)))
        assert found is not None
        assert dict(found.evidence)["what"] == "sleeps in a call"
        assert callable(found.rule.certain)
        assert found.rule.certain(found.case) is False

    def test_where_run_queues_are_not_seen_only_a_sleeping_thread_is_late_by_itself(self) -> None:
        def unseen(row: LoopRow) -> Snapshot:
            now = over(row)
            return replace(now, source=replace(now.source, sees_run_queues=False))

        assert judged(AWAY, unseen(loop(300, cpu=1.0, late=look(Doing.ON_CPU)))) is None
        assert judged(AWAY, unseen(loop(300, late=look()))) is not None
        assert judged(AWAY, unseen(loop(300, late=look(ago_s=11)))) is None

    def test_an_old_look_tells_no_call(self) -> None:
        for ago_s, what in ((11, "sleeps in a call"), (9, "sleeps in read")):
            found = judged(AWAY, over(loop(300, late=look(ago_s=ago_s))))
            assert found is not None
            assert dict(found.evidence)["what"] == what

    @pytest.mark.parametrize(
        ("doing", "cpu_s", "runq_s", "own_s"),
        [
            (Doing.BLOCKED, 0.0, 0.0, 2.5),
            (Doing.ON_CPU, 2.4, 0.1, 2.4),
            (Doing.ON_CPU, 0.05, 2.42, None),
            (Doing.RUNNABLE, 2.0, 0.1, 2.0),
            (Doing.RUNNABLE, 0.05, 0.0, None),
            (Doing.THROTTLED, 0.05, 0.0, None),
            (Doing.UNKNOWN, 0.05, 0.0, None),
        ],
    )
    def test_a_loop_that_is_away_now(self, doing: Doing, cpu_s: float, runq_s: float, own_s: float | None) -> None:
        left_ns = NOW_NS - 3 * SECOND_NS
        spent = {"cpu_ns": round(cpu_s * SECOND_NS), "runq_ns": round(runq_s * SECOND_NS)}
        away = turn(left_ns - SECOND_NS, left_ns)
        found = judged(AWAY, over(loop(1, turn=away, late=look(doing, returned_ns=left_ns, **spent))))
        assert (found is not None) is (own_s is not None)
        if found:
            assert found.severity is Severity.CRITICAL
            assert (dict(found.evidence)["away_max_s"], dict(found.evidence)["own_s"]) == (3.0, own_s)

    def test_of_an_absence_that_nobody_looked_at_nothing_is_known(self) -> None:
        left_ns = NOW_NS - 3 * SECOND_NS
        away = turn(left_ns - SECOND_NS, left_ns)
        assert judged(AWAY, over(loop(1, turn=away))) is None
        assert judged(AWAY, over(loop(1, turn=away, late=look(returned_ns=left_ns)))) is None
        assert judged(AWAY, over(loop(200, turn=away))) is not None

    def test_loops_that_share_an_instance_stand_in_for_each_other(self) -> None:
        assert judged(AWAY, over(loop(300, cpu=1.0, shared=True))) is None

    def test_without_a_probe_nothing_is_known(self) -> None:
        assert judged(AWAY, seen_by("epoll_create", now=over(loop(300, cpu=1.0)))) is None

    def test_a_worker_that_looks_into_an_instance_once_a_minute_is_no_loop(self) -> None:
        works = {"waits": 3, "waiting_ns": 0, "away_ns": 180 * SECOND_NS, "cpu_ns": 180 * SECOND_NS}
        away = turn(NOW_NS - 41 * SECOND_NS, NOW_NS - 40 * SECOND_NS)
        now = replace(over(loop(60_000, turn=away, late=look(Doing.ON_CPU), **works)), observed_s=240.0)
        assert judged(AWAY, now) is None

    @pytest.mark.parametrize(("waits", "is_found"), [(17, False), (19, True)])
    def test_once_in_five_seconds_is_a_loop(self, waits: int, is_found: bool) -> None:
        """It works for 60 of 90 seconds."""
        works = {"waits": waits, "waiting_ns": 30 * SECOND_NS, "away_ns": 60 * SECOND_NS, "cpu_ns": 60 * SECOND_NS}
        row = loop(3000, turn=turn(NOW_NS - 1), **works)  # type: ignore[arg-type]
        assert (judged(AWAY, replace(over(row), observed_s=90.0)) is not None) is is_found

    def test_who_asks_for_one_event_at_a_time_serves_one_client(self) -> None:
        assert judged(AWAY, over(loop(300, cpu=1.0, turn=turn(NOW_NS - MS, maxevents=1)))) is None
        assert judged(AWAY, over(loop(300, cpu=1.0, turn=turn(NOW_NS - MS, maxevents=2)))) is not None

    def test_a_loop_of_asyncio_that_watches_one_descriptor_is_a_loop(self) -> None:
        row = loop(300, cpu=1.0, turn=turn(NOW_NS - MS, maxevents=1, call=WaitCall.EPOLL_WAIT))
        now = traced(running(row, instances=(instance(),), runtime_signs=("asyncio",)))
        assert judged(AWAY, replace(now, observed_s=30.0)) is not None

    def test_of_a_thread_that_is_elsewhere_it_is_not_known(self) -> None:
        assert judged(AWAY, over(loop(300, cpu=1.0, turn=None))) is None
