"""What the columns of loops say, and the words of their detail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from epolltop.model.histogram import Histogram
from epolltop.model.loop_activity import LoopCounts
from epolltop.model.loop_of import LoopOf
from epolltop.model.loop_row import LoopRow
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import lookup
from epolltop.query.filter import parse_over
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.loop_story import loop_story
from epolltop.query.mistake import FilterError
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import LOOPS, View, look
from epolltop.text.glyphs import in_ascii
from tests.support.examples import exact, looping
from tests.support.records import NOW_NS, SECOND_NS, turn
from tests.support.rows import instance, loop_row, process_row

HELD = instance()
MS = 1_000_000
WINDOW: Snapshot = looping(window_s=1.0)


def made(**changes: Any) -> LoopOf:
    one = loop_row(HELD, **changes)
    return LoopOf(one, process_row(42, name="nginx", instances=(HELD,), loops=ProcessLoops((one,))), HELD)


def show(name: str, row: LoopOf, snapshot: Snapshot = WINDOW) -> str:
    return lookup(LOOP_FIELDS, name).show(row, snapshot)


def value(name: str, row: LoopOf, snapshot: Snapshot = WINDOW) -> Any:
    return lookup(LOOP_FIELDS, name).value(row, snapshot)


def matches(text: str, row: LoopOf) -> bool:
    return bool(parse_over(LOOP_FIELDS, text)(row, WINDOW))


def test_a_loop_is_called_by_its_thread_if_that_has_a_name_of_its_own() -> None:
    assert show("loop", made(thread="nginx")) == "nginx 42/8"
    assert show("loop", made(thread="io-1")) == "io-1 42/8"
    assert show("loop", made(thread="")) == "nginx 42/8"
    assert show("loop", made()._replace(instance=None)) == "nginx 42/?"


def test_busy_is_the_share_that_it_was_away_for() -> None:
    """900 ms in waits, 90 ms away, and 10 ms of the present wait."""
    assert value("busy", made()) == pytest.approx(0.09)
    assert show("elu", made()) == "9.0%"
    assert matches("busy<10% busy>0.08", made())
    with pytest.raises(FilterError, match="it takes %"):
        parse_over(LOOP_FIELDS, "busy>3s")


def test_lag_is_how_long_it_has_been_away_now() -> None:
    away = made(turn=turn(1, NOW_NS - 250 * MS))
    assert (show("lag", made()), show("lag", away), matches("lag>100ms", away)) == ("0s", "250ms", True)
    shared = made(turn=turn(1, NOW_NS - 250 * MS), shared=True, unattended_since_ns=NOW_NS - 30 * MS)
    assert (show("lag", shared), show("unattended_s", shared), show("unattended_s", away)) == ("?", "30ms", "-")
    assert show("unattended_s", made(shared=True)) == "0s"
    assert show("lag", made(turn=None)) == "?"
    assert show("lag", made(turn=None, is_elsewhere=True)) == "0s"


def test_how_long_it_waits_may_be_a_lower_bound() -> None:
    assert show("waiting_now_s", made()) == "10ms"
    older = made(turn=turn(0))
    assert (show("waiting_now_s", older), value("waiting_now_s", older)) == ("≥1.0s", None)
    assert matches("waiting_now_s>=1s", older)
    assert show("waiting_now_s", made(turn=turn(1, 2))) == "-"
    assert show("waiting_now_s", made(turn=None)) == "?"


def test_times_show_median_and_99th_percentile_and_sort_by_that() -> None:
    row = made(away=Histogram((*(0,) * 12, 60, 59, 0, 0, 1), 60_000))
    assert (show("away", row), value("away", row), show("away_max_s", row)) == ("4µs 8µs", 8191e-9, "60µs")
    none = made(away=Histogram((), 0))
    assert (show("away", none), value("away", none), show("away_max_s", none)) == ("- -", None, "-")


def test_ratios_are_those_of_the_window() -> None:
    row = made(waits=100, wakes=50, events=120, zero_timeouts=25, away_ns=80 * MS, cpu_ns=20 * MS)
    names = ("events_per_wake", "zero_share", "cpu_share", "cpu_per_turn_s")
    assert [show(name, row) for name in names] == ["2.4", "25%", "25%", "200µs"]
    idle = made(**dict.fromkeys(LoopCounts._fields, 0))
    assert [show(name, idle) for name in names] == ["-", "-", "-", "?"]


def test_of_waits_for_a_cpu_in_turns_that_were_not_measured_nothing_is_known() -> None:
    names = ("runq_share", "own_max_s", "runq_max_s", "wake_delay_max_s")
    assert [show(name, made()) for name in names] == ["7.8%", "59µs", "2µs", "80µs"]
    sampled = made(unmeasured=60)
    assert [show(name, sampled) for name in names] == ["?", "≥59µs", "≥2µs", "≥80µs"]
    assert value("runq_share", sampled) is None
    assert "CPU: 667µs a turn, 89% of the time away" in told(sampled)
    assert "run queue: waited for a CPU for at least 2µs in one time away, 80µs after it was woken" in told(sampled)


def test_timeouts_and_errors_are_told_by_name() -> None:
    row = made(turn=turn(5, timeout_ns=100 * MS), interrupted=2, bad_descriptor=3)
    assert (show("timeout_s", row), show("errors", row), value("errors", row)) == ("100ms", "EINTR 2, EBADF 3", 5)
    assert (show("timeout_s", made()), value("timeout_s", made())) == ("infinite", None)
    assert show("errors", made(interrupted=0)) == "-"


def test_nothing_is_known_before_there_is_a_window() -> None:
    names = ("waits_per_s", "events_per_wake", "busy", "idle_per_s", "zero_share", "waits", "away_s")
    assert {show(name, made(), looping(window_s=0.0)) for name in names} == {"?"}


def test_loops_that_hardly_lasted_sort_behind_those_that_were_away_for_long() -> None:
    """The one that nobody has any more was away for all of its ms."""
    snapshot = looping(window_s=1.0)
    short = loop_row(HELD, pid=99, tid=99, since_ns=None, turn=None, waited_ns=0, was_away_ns=MS)
    rows = (*snapshot.processes[:2], replace(snapshot.processes[2], loops=ProcessLoops((short,))))
    names = [row.loop.key.tid for row in look(replace(snapshot, processes=rows), View(LOOPS))]
    assert (names[0], names[-1]) == (43, 99)


def test_a_process_has_the_worst_of_its_loops() -> None:
    def of(name: str, *loops: LoopRow) -> Any:
        return lookup(PROCESS_FIELDS, name).value(process_row(42, loops=ProcessLoops(loops)), WINDOW)

    calm, busy = loop_row(HELD), loop_row(HELD, tid=43, turn=turn(1, NOW_NS - SECOND_NS // 4), waited_ns=0)
    slow = loop_row(HELD, tid=44, away=Histogram((*(0,) * 30, 1), 10**9 // 2))
    names = ("loops", "busy", "lag_now_s", "away_p99_s")
    assert [of(name, calm, busy, slow) for name in names] == [3, 1.0, 0.25, 0.5]
    assert [of(name) for name in names] == [0, None, None, None]
    assert lookup(PROCESS_FIELDS, "busy").value(process_row(42), exact()) is None


def told(row: LoopOf, snapshot: Snapshot = WINDOW) -> list[str]:
    return [said if label is None else f"{label}: {said}" for label, said in loop_story(row, snapshot)]


def test_the_story_of_a_loop_that_waits() -> None:
    assert told(made()) == [
        "event loop nginx 42/8",
        "thread: 42 (nginx) of nginx: worker process",
        f"instance: {HELD.id}",
        f"now: waits in epoll_wait for 10ms, since {told_time()}, without a timeout, for at most 512 events",
        "busy: 9.0%: away for 90ms of the window, waiting for 910ms",
        "waits: 120 a second, 340 events a second, 2.9 events a wake, 2.0 a second ended by their timeout, without "
        "events",
        "CPU: 667µs a turn, 89% of the time away; for 7.8% it waited for a CPU",
        "run queue: waited for a CPU for at most 2µs in one time away, 80µs after it was woken",
        "timeouts: finite 2, infinite 118; 2 were met",
        "errors: EINTR 1",
        "time away: 120 in the last 1.0s, the longest 60µs",
        f"< 4µs: {'█' * 24} 60",
        f"< 8µs: {'█' * 24} 59",
        "< 16µs: ",
        "< 33µs: ",
        "< 66µs: █ 1",
        "time waiting: 120 in the last 1.0s, the longest 8ms",
        f"< 4ms: {'█' * 24} 100",
        "< 8ms: █████ 20",
    ]
    assert in_ascii(told(made())[-1]) == "< 8ms: @@@@@ 20"


def told_time() -> str:
    return next(said for label, said in loop_story(made(), WINDOW) if label == "now").split("since ")[1].split(",")[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"turn": turn(0, timeout_ns=MS)}, "for ≥1.0s, since before epolltop could see it, with a timeout of 1ms"),
        ({"turn": turn(1, NOW_NS - 250 * MS)}, "now: away for 250ms, since "),
        ({"turn": None}, "now: ?"),
        ({"turn": None, "is_elsewhere": True}, "now: waits on another instance, or is away from it"),
        ({"shared": True, "unattended_since_ns": NOW_NS - MS}, "several threads wait on the instance, none"),
    ],
)  # fmt: skip
def test_the_story_says_where_it_is_now(changes: dict[str, Any], said: str) -> None:
    assert any(said in line for line in told(made(**changes)))


def test_the_story_of_a_window_without_turns() -> None:
    lines = told(made(**dict.fromkeys(LoopCounts._fields, 0), away=Histogram((), 0), waiting=Histogram((), 0)))
    assert "CPU: no turn ended in the window" in lines
    assert lines[-2:] == ["time away: 0 in the last 1.0s", "time waiting: 0 in the last 1.0s"]
    assert "errors: none" in lines
    assert not any(line.startswith("time") for line in told(made(), looping(window_s=0.0)) if "timeouts" not in line)


@pytest.mark.parametrize(
    ("away_ms", "severity"), [(24, None), (25, "notice"), (99, "notice"), (100, "warn"), (999, "warn"), (1000, "error")]
)
def test_a_thread_that_is_away_for_long_is_alarming(away_ms: int, severity: str | None) -> None:
    row = made(turn=turn(NOW_NS - 2 * SECOND_NS, NOW_NS - away_ms * MS))
    assert lookup(LOOP_FIELDS, "lag").severity(row, WINDOW) == severity
    assert lookup(PROCESS_FIELDS, "lag").severity(row.process, WINDOW) == severity


@pytest.mark.parametrize(("away_ms", "severity"), [(779, None), (800, "warn"), (939, "warn"), (960, "error")])
def test_a_loop_that_is_hardly_at_rest_is_alarming(away_ms: int, severity: str | None) -> None:
    row = made(was_away_ns=away_ms * MS, waited_ns=1000 * MS - away_ms * MS - 10 * MS)
    assert lookup(LOOP_FIELDS, "busy").severity(row, WINDOW) == severity
    assert lookup(PROCESS_FIELDS, "busy").severity(row.process, WINDOW) == severity
    assert lookup(LOOP_FIELDS, "lag").severity(made(shared=True), WINDOW) is None


@pytest.mark.parametrize("name", ["busy", "lag", "away_p99_s"])
def test_a_process_whose_threads_never_waited_has_no_loop_to_speak_of(name: str) -> None:
    field, none = lookup(PROCESS_FIELDS, name), process_row(42, instances=(HELD,))
    assert (field.show(none, WINDOW), field.value(none, WINDOW)) == ("-", None)
    assert field.show(none, looping(window_s=0.0)) == "?"
    unseen = replace(WINDOW, source=replace(WINDOW.source, probes=()))
    assert field.show(none, unseen) == "?"
