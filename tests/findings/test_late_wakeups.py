"""Processes that get a CPU late, on made snapshots: both sides of each threshold, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.findings.cases import Cases
from epolltop.findings.diagnosis import Diagnosis
from epolltop.findings.evaluation import examined
from epolltop.findings.explanation import explained
from epolltop.findings.families.blocked_loops import AWAY
from epolltop.findings.families.late_wakeups import WAKEUP
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.findings.words import brief, sentence
from epolltop.model.finding import About, Finding, Severity
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import AwayParts
from epolltop.model.snapshot import Snapshot
from tests.support.records import NOW_NS, SECOND_NS, turn

from .judged import judged, matches, seen_by
from .late_loops import MS, look, loop, over, times


class TestLateWakeup:
    @pytest.mark.parametrize(
        ("delays_ms", "severity"),
        [
            ((9.9, 9.9), None),
            ((10, 10), Severity.INFO),
            ((1, 10), Severity.INFO),
            ((500,), None),
            ((500, 500), Severity.INFO),
        ],
    )
    def test_thresholds(self, delays_ms: tuple[float, ...], severity: Severity | None) -> None:
        found = judged(WAKEUP, over(loop(poll_delay=times(*delays_ms))))
        assert (found.severity if found else None) == severity

    def test_one_delay_in_two_hundred_is_none(self) -> None:
        assert judged(WAKEUP, over(loop(poll_delay=times(*[0.1] * 199, 50)))) is None

    def test_a_throttled_group_is_told_first(self) -> None:
        found = judged(WAKEUP, over(loop(400, runq=0.75, late=look(Doing.THROTTLED), poll_delay=times(20, 20))))
        assert found is not None
        assert found.severity is Severity.WARN
        words = Finding(
            found.rule.id, found.severity, found.about, "x 42/8", 0, is_older=False, evidence=found.evidence
        )
        assert sentence(words) == (
            "nginx 42/8 gets a CPU up to 300ms late, because its control group is throttled; late loops: 1 of 1"
        )
        assert brief(words) == "CPU 300ms late: 1/1 loops"

    @pytest.mark.parametrize("late", [None, look(Doing.RUNNABLE), look(Doing.BLOCKED), look(Doing.RUNNABLE, ago_s=11)])
    def test_who_waits_for_a_cpu_is_late_for_that(self, late: LateLook | None) -> None:
        found = judged(WAKEUP, over(loop(400, cpu=0.1, runq=0.76, late=late)))
        assert found is not None
        assert found.severity is Severity.INFO
        assert dict(found.evidence)["late_s"] == 0.304
        assert judged(WAKEUP, over(loop(120, cpu=0.1, runq=0.82, late=late))) is None

    @pytest.mark.parametrize(
        ("doing", "why"),
        [
            (Doing.THROTTLED, "its control group is throttled"),
            (Doing.RUNNABLE, "other threads have the CPUs"),
            (Doing.ON_CPU, "other threads have the CPUs, or its control group is throttled"),
        ],
    )
    def test_only_a_look_tells_whose_fault_it_is(self, doing: Doing, why: str) -> None:
        found = judged(WAKEUP, over(loop(400, runq=0.8, late=look(doing))))
        assert found is not None
        assert dict(found.evidence)["why"] == why

    def test_who_is_late_by_itself_is_not_late_for_a_cpu(self) -> None:
        row = loop(300, cpu=0.6, runq=0.4, late=look(Doing.RUNNABLE))
        assert judged(WAKEUP, over(row)) is None
        assert judged(AWAY, over(row)) is not None

    @pytest.mark.parametrize(
        ("doing", "runq_ms", "late_s"),
        [
            (Doing.RUNNABLE, 300, 0.3),
            (Doing.RUNNABLE, 249, None),
            (Doing.RUNNABLE, 0, None),
            (Doing.BLOCKED, 300, None),
            (Doing.BLOCKED, 2400, 2.4),
            (Doing.UNKNOWN, 2400, None),
        ],
    )
    def test_who_is_away_now_may_wait_for_a_cpu(self, doing: Doing, runq_ms: int, late_s: float | None) -> None:
        """It was looked at after 2.5 seconds. Who sleeps for long is late by itself."""
        left_ns = NOW_NS - 3 * SECOND_NS
        late = look(doing, returned_ns=left_ns, cpu_ns=SECOND_NS // 10, runq_ns=runq_ms * MS)
        now = over(loop(1, turn=turn(left_ns - SECOND_NS, left_ns), late=late))
        found = judged(WAKEUP, now, settings=Settings({"blocked.away_ms": 250}))
        assert (found and dict(found.evidence)["runnable_away_s"]) == late_s

    def test_what_is_known_counts_beside_what_nobody_looked_at(self) -> None:
        left_ns = NOW_NS - 3 * SECOND_NS
        found = judged(WAKEUP, over(loop(400, runq=0.9, turn=turn(left_ns - SECOND_NS, left_ns))))
        assert found is not None
        assert dict(found.evidence)["runnable_away_s"] == 0.36

    def test_a_late_timer_is_no_late_cpu(self) -> None:
        assert judged(WAKEUP, over(loop(poll_delay=times(20, 20), wake_runq_ns=9 * MS))) is None
        assert judged(WAKEUP, over(loop(poll_delay=times(20, 20), wake_runq_ns=10 * MS))) is not None

    @pytest.mark.parametrize(
        ("slept", "runq_ms", "late_s"), [(2, 19.9, None), (2, 20, 0.01), (1, 500, None), (100, 3000, 0.03)]
    )
    def test_who_gets_a_cpu_late_after_events_is_late(self, slept: int, runq_ms: float, late_s: float | None) -> None:
        found = judged(WAKEUP, over(loop(slept=slept, wake_runq_ns=round(runq_ms * MS))))
        assert (found and dict(found.evidence)["late_s"]) == late_s

    def test_one_that_met_a_single_timeout_does_not_hide_another(self) -> None:
        found = judged(WAKEUP, over(loop(poll_delay=times(500)), loop(tid=43, poll_delay=times(20, 20))))
        assert found is not None
        told = dict(found.evidence)
        assert (told["late_s"], told["late_loops"], told["latest_tid"]) == (0.02, 1, 43)
        assert judged(WAKEUP, over(loop(poll_delay=times(500)), loop(tid=43, poll_delay=times(9, 9)))) is None

    def test_those_that_are_kept_away_count_as_well(self) -> None:
        waits = loop(400, runq=0.8, late=look(Doing.RUNNABLE), poll_delay=times(20, 20))
        computes = loop(900, cpu=1.0, late=look(Doing.RUNNABLE), tid=44)
        found = judged(WAKEUP, over(waits, loop(tid=43, poll_delay=times(40, 40)), computes))
        assert found is not None
        told = dict(found.evidence)
        assert (told["late_s"], told["late_loops"], told["loops"], told["latest_tid"]) == (0.32, 2, 3, 42)
        assert (told["why"], told["doing"]) == ("other threads have the CPUs", "runnable")

    @pytest.mark.parametrize(("delay_ms", "late_s"), [(500, 0.5), (20, 0.12)])
    def test_of_a_delay_and_a_time_away_the_longer_counts(self, delay_ms: int, late_s: float) -> None:
        both = loop(150, runq=0.8, late=look(Doing.RUNNABLE), poll_delay=times(delay_ms, delay_ms))
        found = judged(WAKEUP, over(both, loop(tid=43, poll_delay=times(110, 110))))
        assert found is not None
        told = dict(found.evidence)
        assert (told["late_s"], told["late_loops"], told["latest_tid"]) == (late_s, 2, 42)

    @pytest.mark.parametrize(
        ("doing", "name"), [(Doing.THROTTLED, "throttled_away_s"), (Doing.RUNNABLE, "runnable_away_s")]
    )
    def test_each_cause_has_a_number_of_its_own(self, doing: Doing, name: str) -> None:
        found = judged(WAKEUP, over(loop(300, runq=0.8, late=look(doing))))
        assert found is not None
        assert [each for each, _ in found.evidence if each.endswith("_away_s")] == [name]

    def test_a_process_with_a_thousand_late_loops_is_found_once(self) -> None:
        some = [loop(tid=1000 + number, poll_delay=times(20, 20 + number / 100)) for number in range(1000)]
        found = judged(WAKEUP, over(*some, loop(tid=5000, poll_delay=times(1, 1))))
        assert found is not None
        assert found.about == About(some[0].key.process)
        told = dict(found.evidence)
        assert (told["late_loops"], told["loops"], told["latest_tid"]) == (1000, 1001, 1999)
        assert told["latest"] == "nginx 42/8"
        assert told["late_s"] == pytest.approx(0.02999)

    def test_it_stays_open_whichever_loop_is_latest(self) -> None:
        diagnosis = Diagnosis()
        latest = []
        for second in range(1, 16):
            delays_ms = (20, 50) if second % 2 else (50, 20)
            some = (loop(tid=42 + at, poll_delay=times(ms, ms)) for at, ms in enumerate(delays_ms))
            diagnosis.look(replace(over(*some), now_ns=NOW_NS + second * SECOND_NS))
            latest += [(each.since_ns, each.facts["latest_tid"]) for each in diagnosis.findings]
        assert latest == [(NOW_NS, 43 if second % 2 else 42) for second in range(5, 16)]
        assert diagnosis.ended == ()

    @pytest.mark.parametrize(
        ("changed", "number"), [({}, 1), ({"late.timeouts": 1}, 2), ({"late.poll_delay_ms": 60}, 0)]
    )
    def test_it_counts_by_the_thresholds_in_force(self, changed: dict[str, float], number: int) -> None:
        settings = Settings(changed)
        now = over(loop(poll_delay=times(30, 30)), loop(tid=43, poll_delay=times(50)))
        found = list(matches((WAKEUP,), Cases(now, settings=settings), settings))
        assert [dict(each.evidence)["late_loops"] for each in found] == [number] * bool(number)

    def test_without_a_probe_nothing_is_known(self) -> None:
        assert judged(WAKEUP, seen_by("epoll_create", now=over(loop(poll_delay=times(200, 200))))) is None


def wakeup(now: Snapshot) -> tuple[str, dict[str, object]]:
    """What is said about late wakeups when someone asks: the verdict, and what the nearest rule compared."""
    (told,) = (each for each in explained(now.processes[0], now, None, DEFAULTS) if each.rule.id == "late-wakeup")
    return told.verdict, {each.condition.value.name: each.value for each in told.compared}


class TestWhyThereIsNoLateWakeup:
    @pytest.mark.parametrize(
        "rows",
        [
            (),
            (loop(),),
            (loop(3, 50),),
            (loop(99),),
            (loop(poll_delay=times(1, 9)),),
            (loop(300),),
            (loop(slept=9, wake_runq_ns=9 * MS),),
            (loop(300, shared=True),),
        ],
        ids=["no loop", "waits", "quick", "not long", "in time", "sleeps", "woken in time", "shared"],
    )
    def test_where_nothing_is_late_the_answer_is_no(self, rows: tuple[LoopRow, ...]) -> None:
        verdict, compared = wakeup(over(*rows))
        assert (verdict, compared) == ("no", {"throttled_away_s": 0.0})

    def test_of_whose_absence_nothing_is_known_it_may_have_waited_for_a_cpu(self) -> None:
        assert wakeup(over(loop(100, parts=AwayParts()))) == ("unknown", {"throttled_away_s": None})

    def test_of_another_it_is_known(self) -> None:
        unknown, known = loop(300, parts=AwayParts()), loop(400, runq=0.8, tid=43)
        assert wakeup(over(unknown, known)) == ("holds", {"runnable_away_s": 0.32})

    @pytest.mark.parametrize(
        ("late", "told"),
        [
            (None, ("unknown", {"throttled_away_s": None})),
            (look(Doing.UNKNOWN), ("unknown", {"throttled_away_s": None})),
            (look(Doing.RUNNABLE, ago_s=11), ("unknown", {"throttled_away_s": None})),
            (look(Doing.RUNNABLE), ("holds", {"runnable_away_s": 0.3})),
            (look(Doing.BLOCKED), ("unknown", {"wake_delay_s": None})),
        ],
    )
    def test_where_run_queues_are_not_seen_a_look_tells(self, late: LateLook | None, told: tuple[str, object]) -> None:
        now = over(loop(300, late=late))
        assert wakeup(replace(now, source=replace(now.source, sees_run_queues=False))) == told

    def test_without_timeouts_there_is_no_delay(self) -> None:
        assert delays(over(loop())) == (None, 0)
        assert delays(over(loop(poll_delay=times(20, 20)))) == (pytest.approx(0.02), 2)

    def test_timeouts_that_nobody_measured_tell_nothing(self) -> None:
        now = over(loop(timeouts_met=3))
        assert delays(now) == (None, None)
        assert wakeup(now)[0] == "unknown"

    def test_without_a_probe_nothing_is_known(self) -> None:
        assert wakeup(seen_by("epoll_create", now=over(loop(3))))[0] == "unknown"


def delays(now: Snapshot) -> tuple[object, object]:
    """How late waits came back after their timeouts, and how many met one; as the rule about these compares them."""
    (found,) = (
        {each.condition.value.name: each.value for each in one.compared}
        for one in examined((WAKEUP,), Cases(now), DEFAULTS, lambda _: True)
        if len(one.compared) > 1
    )
    return found["poll_delay_max_s"], found["timeouts"]
