"""Loops over windows: what they did, how long they waited and were away, and which of them are still told."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from epolltop.model import loops
from epolltop.model.batch import Batch
from epolltop.model.histogram import Histogram
from epolltop.model.holding import Holding
from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopKey, LoopTimes, Turn
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import histogram
from epolltop.model.process import ProcessKey
from epolltop.model.window import Window
from epolltop.model.world import World
from epolltop.sources.bpf.loop_wire import WireCounts
from tests.support.records import SECOND_NS, A, B, P, Q, batch, buckets, census, create, holding, loop, release, turn

MS = 1_000_000
LOOP = loop()
NOW = 10 * SECOND_NS


def as_in_kernel(counts: LoopCounts) -> WireCounts:
    """The record that the probes' source has in its place."""
    return WireCounts(struct.pack(f"={len(counts)}Q", *counts))


@pytest.fixture(autouse=True, params=[LoopCounts._make, as_in_kernel], ids=["decoded", "as in the kernel"])
def told(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests, with each record of counts that sources have."""
    monkeypatch.setattr(f"{__name__}.record", request.param)


record: Callable[[LoopCounts], Any] = LoopCounts._make


def tick(
    now: int,
    counts: Mapping[LoopKey, LoopCounts] | None = None,
    turns: Mapping[LoopKey, Turn] | None = None,
    *,
    times: Mapping[LoopKey, LoopTimes] | None = None,
    alive: tuple[ProcessKey, ...] = (P, Q),
    held: tuple[Holding, ...] = (holding(A),),
    by_address: bool = True,
) -> Batch:
    taken = census(now - 1, *held, by_address=by_address)
    told = {key: record(each) for key, each in (counts or {}).items()}
    return batch(now, taken=taken, loops=told, turns=turns, loop_times=times, alive=alive)


def seen(*ticks: Batch) -> tuple[World, Window]:
    """After these; the window begins at the one before the last."""
    world = World()
    window = world.open_window()
    for one in ticks[:-1]:
        world.apply(one)
    if ticks[:-1]:
        world.mark(window)
    world.apply(ticks[-1])
    return world, window


def rows(*ticks: Batch) -> tuple[LoopRow, ...]:
    world, window = seen(*ticks)
    return world.freeze(window).loops


def row(*ticks: Batch) -> LoopRow:
    (only,) = rows(*ticks)
    return only


def spent(of: LoopRow, begin: int = NOW - SECOND_NS, now: int = NOW) -> tuple[int, int]:
    """How long it waited and was away in a window, in ms."""
    waiting, away = of.turn_waiting_ns(begin, now), of.turn_away_ns(begin, now)
    return (of.did.waited_ns + waiting) // MS, (of.did.was_away_ns + away) // MS


def test_it_has_an_instance_a_thread_and_rates_of_the_window() -> None:
    one = row(
        tick(NOW - SECOND_NS, {LOOP: LoopCounts(waits=4, events=6)}),
        tick(NOW, {LOOP: LoopCounts(waits=24, events=106)}, {LOOP: turn(NOW - MS, name="io-1")}),
    )
    assert (one.key, one.thread) == (LOOP, "io-1")
    assert one.instance == f"{A:x}@{NOW - SECOND_NS - 1}"
    assert (one.did.counted.total.waits, one.did.counted.per_s("waits"), one.did.counted.per_s("events")) == (
        24,
        20.0,
        100.0,
    )


@pytest.mark.parametrize(
    ("then", "now", "waiting_ns", "away_ns", "expected"),
    [
        # It waits through the window, and since before it.
        (turn(NOW - 5 * SECOND_NS), turn(NOW - 5 * SECOND_NS), 0, 0, (1000, 0)),
        (turn(0), turn(0), 0, 0, (1000, 0)),
        # It is away through the window.
        (turn(1, NOW - 3 * SECOND_NS), turn(1, NOW - 3 * SECOND_NS), 0, 0, (0, 1000)),
        # A wait of 2 s ends 300 ms into the window, and the thread stays away.
        (turn(NOW - 2700 * MS), turn(NOW - 2700 * MS, NOW - 700 * MS), 2000, 0, (300, 700)),
        # The same, back after 200 ms for a wait that goes on.
        (turn(NOW - 2700 * MS), turn(NOW - 500 * MS), 2000, 200, (800, 200)),
        # 400 ms away since before the window end 100 ms into it, then waits of 500 ms with 100 ms between, a third.
        (turn(1, NOW - 1300 * MS), turn(NOW - 200 * MS), 500, 600, (700, 300)),
        # A wait that began before the trace ends in the window: no counter has it.
        (turn(0), turn(0, NOW - 600 * MS), 0, 0, (400, 600)),
    ],
)  # fmt: skip
def test_waits_and_absences_are_clipped_to_the_window(
    then: Turn, now: Turn, waiting_ns: int, away_ns: int, expected: tuple[int, int]
) -> None:
    ended = LoopCounts(waits=9, waiting_ns=waiting_ns * MS, away_ns=away_ns * MS) if waiting_ns else LoopCounts(waits=8)
    one = row(tick(NOW - SECOND_NS, {LOOP: LoopCounts(waits=8)}, {LOOP: then}), tick(NOW, {LOOP: ended}, {LOOP: now}))
    assert spent(one) == expected
    assert one.busy(NOW - SECOND_NS, NOW) == pytest.approx(expected[1] / 1000)


def test_a_wait_from_before_the_trace_ended_where_all_that_is_timed_begins() -> None:
    """It ended 700 ms into the window. A wait of 60 ms and 40 ms away came after it, and the wait in progress."""
    one = row(
        tick(NOW - SECOND_NS, {}, {LOOP: turn(0)}),
        tick(NOW, {LOOP: LoopCounts(waits=2, waiting_ns=60 * MS, away_ns=40 * MS)}, {LOOP: turn(NOW - 200 * MS)}),
    )
    assert spent(one) == (960, 40)
    assert one.did.counted.total.waiting_ns == NOW - 300 * MS + 60 * MS


def test_a_wait_from_before_the_trace_lasted_up_to_the_last_look_if_the_thread_went_elsewhere() -> None:
    one, _ = rows(
        tick(NOW - SECOND_NS, {}, {LOOP: turn(0)}),
        tick(NOW, {LOOP: LoopCounts(waits=1), loop(B): LoopCounts()}, {loop(B): turn(NOW - 200 * MS)}),
    )
    assert one.did.counted.total.waiting_ns == NOW - SECOND_NS


def test_where_it_is_now() -> None:
    def at(now: Turn | None) -> LoopRow:
        return row(tick(NOW, {LOOP: LoopCounts(waits=1)}, {LOOP: now} if now else {}))

    waits, older, away, unknown = at(turn(NOW - 7)), at(turn(0)), at(turn(1, NOW - 30)), at(None)
    assert [one.is_waiting for one in (waits, older, away, unknown)] == [True, True, False, None]
    assert [one.waiting_since_ns for one in (waits, older, away, unknown)] == [NOW - 7, 0, None, None]
    assert [one.lag_ns(NOW) for one in (waits, older, away, unknown)] == [0, 0, 30, None]


def test_a_thread_that_went_on_to_another_instance_is_not_away_from_the_first() -> None:
    first, second = loop(A), loop(B)
    held = (holding(A), holding(B, fd=4))
    counts = {first: LoopCounts(waits=3, away_ns=5), second: LoopCounts(waits=1)}
    one, other = rows(tick(NOW, counts, {second: turn(1, NOW - 9)}, held=held))
    assert (one.is_elsewhere, one.is_waiting, one.lag_ns(NOW)) == (True, False, 0)
    assert (other.is_elsewhere, other.lag_ns(NOW)) == (False, 9)


def test_a_thread_is_not_away_from_an_instance_that_is_gone() -> None:
    created = NOW - 4 * SECOND_NS
    traced = loop(created=created)
    left, held = {traced: turn(NOW - 3 * SECOND_NS, NOW - 2 * SECOND_NS)}, (holding(A, created=created),)
    there = tick(NOW - SECOND_NS, {traced: LoopCounts(waits=1)}, left, held=held)
    assert [one.lag_ns(NOW) for one in rows(there, tick(NOW, {}, left, held=held))] == [2 * SECOND_NS]
    assert not rows(there, tick(NOW, {}, left, held=()))


@pytest.mark.parametrize("holders", [(), (Q,)], ids=["in flight", "of another process"])
def test_a_thread_is_not_away_from_what_it_did_not_hold_when_that_went(holders: tuple[ProcessKey, ...]) -> None:
    created = NOW - 4 * SECOND_NS
    traced = loop(created=created)
    left, counts = {traced: turn(NOW - 3 * SECOND_NS, NOW - 2 * SECOND_NS)}, {traced: LoopCounts(waits=1)}
    others = (holding(B, fd=4), *(holding(A, who, created=created) for who in holders))
    world = World()
    window = world.open_window()
    told = []
    held = tick(8 * SECOND_NS, counts, left, held=(holding(A, created=created), *others))
    over = tick(NOW, counts, left, held=others[:1])
    for one in (
        replace(held, events=[create(A, created)]),
        tick(9 * SECOND_NS, counts, left, held=others),
        replace(over, events=[release(A, NOW - 50, created)]),
    ):
        world.apply(one)
        told.append([row.turn for process in world.freeze(window).processes for row in process.loops])
        world.mark(window)
    assert told[1:] == [[left[traced]], []]


def test_a_thread_is_away_from_an_older_instance_that_no_census_knows_by_its_address() -> None:
    left = {LOOP: turn(NOW - 3 * SECOND_NS, NOW - 2 * SECOND_NS)}
    told: dict[str, Any] = {"held": (holding(7),), "by_address": False}
    there = tick(NOW - SECOND_NS, {LOOP: LoopCounts(waits=1)}, left, **told)
    assert [one.lag_ns(NOW) for one in rows(there, tick(NOW, {}, left, **told))] == [2 * SECOND_NS]


def test_a_thread_is_not_away_from_an_older_instance_that_a_census_by_address_does_not_show() -> None:
    left = {LOOP: turn(NOW - 3 * SECOND_NS, NOW - 2 * SECOND_NS)}
    there = tick(NOW - SECOND_NS, {LOOP: LoopCounts(waits=1)}, left)
    assert [one.lag_ns(NOW) for one in rows(there, tick(NOW, {}, left))] == [2 * SECOND_NS]
    assert not rows(there, tick(NOW, {}, left, held=()))


def test_a_thread_that_waits_in_vain_for_what_is_no_instance_is_away_from_it() -> None:
    nothing = loop(file=0)
    one = row(tick(NOW, {nothing: LoopCounts(waits=9, bad_descriptor=9)}, {nothing: turn(NOW - MS, NOW - MS)}, held=()))
    assert one.lag_ns(NOW) == MS


def test_histograms_are_of_the_window_and_so_are_the_longest() -> None:
    world = World()
    window, slow = world.open_window(), world.open_window()
    told = [
        LoopTimes(buckets(b0=3), buckets(b5=1), (), 900, 20_000, 0),
        LoopTimes(buckets(b0=3, b9=1), buckets(b5=5), (), 400_000, 30_000, 0),
        LoopTimes(buckets(b0=3, b9=1, b27=1), buckets(b5=6), buckets(b1=1), 1 << 40, 17_000, 1500),
    ]
    made = []
    for at, times in enumerate(told, start=1):
        world.apply(tick(at * SECOND_NS, {LOOP: LoopCounts(waits=at)}, times={LOOP: times}))
        made.append(world.freeze(window).loops[0])
        world.mark(window)
    assert made[0].did.waiting == Histogram((*(0,) * 10, 3), 900)
    assert made[1].did.waiting == Histogram((*(0,) * 19, 1), 400_000)
    assert made[1].did.away == Histogram((*(0,) * 15, 4), 30_000)
    assert made[1].did.poll_delay == Histogram((), 0)
    assert made[2].did.waiting == Histogram((*(0,) * 41, 1), 1 << 40)  # the last bucket has no end
    assert made[2].did.poll_delay == Histogram((*(0,) * 11, 1), 1500)
    (whole,) = world.freeze(slow).loops
    assert (whole.did.away.total, whole.did.away.largest, whole.did.away.quantile(0.99)) == (6, 30_000, 30_000)


def test_an_entry_that_the_kernel_begins_anew_goes_on() -> None:
    one = row(
        tick(NOW - 2 * SECOND_NS, {LOOP: LoopCounts(waits=5)}, times={LOOP: LoopTimes(buckets(b1=5), buckets(b2=5))}),
        tick(NOW - SECOND_NS, {LOOP: LoopCounts(waits=2)}, times={LOOP: LoopTimes(buckets(b1=2), buckets(b2=2))}),
        tick(NOW, {LOOP: LoopCounts(waits=3)}, times={LOOP: LoopTimes(buckets(b1=2, b3=1), buckets(b2=3))}),
    )
    assert (one.did.counted.total.waits, one.did.counted.per_s("waits")) == (8, 1.0)
    assert (one.did.waiting.counts, one.did.away.counts) == ((*(0,) * 13, 1), (*(0,) * 12, 1))


MAIN, HELPER, THIRD = loop(tid=100), loop(tid=101), loop(tid=102)


def shared(waits: Mapping[LoopKey, int], turns: Mapping[LoopKey, Turn]) -> list[LoopRow]:
    """Three threads with an instance, of which some waited in the window."""
    begun = {key: LoopCounts(waits=1) for key in (MAIN, HELPER, THIRD)}
    now = {key: LoopCounts(waits=1 + waits.get(key, 0)) for key in begun}
    return list(rows(tick(NOW - SECOND_NS, begun, turns), tick(NOW, now, turns)))


def test_of_an_instance_that_several_threads_wait_on_it_tells_since_when_nobody_does() -> None:
    away = {MAIN: turn(1, NOW - 900), HELPER: turn(1, NOW - 400), THIRD: turn(1, NOW - 700)}
    made = shared({MAIN: 1, HELPER: 1}, away)
    assert [(one.shared, one.lag_ns(NOW), one.unattended_since_ns) for one in made] == [(True, None, NOW - 400)] * 3
    made = shared({MAIN: 1, HELPER: 1}, away | {THIRD: turn(5)})
    assert [(one.shared, one.lag_ns(NOW), one.unattended_since_ns) for one in made] == [(True, None, None)] * 3


def test_who_left_an_instance_to_another_thread_does_not_share_it() -> None:
    """The helper alone goes on, be it waiting or blocked."""
    for now, lag in ((turn(5), 0), (turn(1, NOW - 400), 400)):
        main, helper, third = shared({HELPER: 3}, {MAIN: turn(1, NOW - 9000), HELPER: now, THIRD: turn(1, NOW - 8000)})
        assert (helper.shared, helper.lag_ns(NOW)) == (False, lag)
        assert [one.lag_ns(NOW) for one in (main, third)] == [None, None]


def test_processes_share_an_instance_as_threads_do() -> None:
    mine, childs = loop(A), loop(A, Q)
    counts = {mine: LoopCounts(waits=1), childs: LoopCounts(waits=1)}
    turns = {mine: turn(4), childs: turn(5)}
    made = rows(tick(NOW, counts, turns, held=(holding(A), holding(A, Q))))
    assert [(one.key.process, one.shared) for one in made] == [(P, True), (Q, True)]


def test_a_thread_that_reuses_a_tid_is_another_loop() -> None:
    old, new = loop(start=5), loop(start=6)
    before = tick(NOW - SECOND_NS, {old: LoopCounts(waits=7)}, {old: turn(3)})
    made = rows(before, tick(NOW, {new: LoopCounts(waits=2)}, {new: turn(NOW - 3)}))
    assert [(one.key, one.did.counted.total.waits, one.waiting_since_ns) for one in made] == [(new, 2, NOW - 3)]


def test_an_instance_that_takes_over_an_address_is_another_one() -> None:
    old, new = loop(A), loop(A, created=NOW - 5)
    world, window = seen(tick(NOW - SECOND_NS, {old: LoopCounts(waits=1)}, {old: turn(1, 2)}))
    world.mark(window)
    now = batch(
        NOW, [release(A, NOW - 9), create(A, NOW - 5)], loops={old: LoopCounts(waits=2), new: LoopCounts(waits=1)}
    )
    world.apply(now)
    assert [(one.key, one.since_ns) for one in world.freeze(window).loops] == [(old, None), (new, NOW - 5)]


def test_a_row_stays_the_same_object_while_nothing_changes() -> None:
    idle, busy = loop(A), loop(A, Q)
    world = World()
    window = world.open_window()
    seen_rows = []
    for at in range(1, 5):
        counts = {idle: LoopCounts(waits=5), busy: LoopCounts(waits=at)}
        turns = {idle: turn(7), busy: turn(at * SECOND_NS - 5)}
        world.apply(tick(at * SECOND_NS, counts, turns, held=(holding(A), holding(A, Q))))
        snapshot = world.freeze(window)
        seen_rows.append(snapshot.loops)
        world.mark(window)
    assert seen_rows[2][0] is seen_rows[3][0]
    assert seen_rows[2][1] is not seen_rows[3][1]


@pytest.mark.parametrize("gone", ["thread", "process", "instance"])
def test_what_is_gone_is_told_by_windows_that_saw_it_act_and_forgotten_then(gone: str) -> None:
    """Its entries in the kernel are gone a tick later."""
    world = World()
    slow, quick = world.open_window(), world.open_window()
    world.apply(tick(SECOND_NS, {LOOP: LoopCounts(waits=1)}, {LOOP: turn(1)}))
    for window in (slow, quick):
        world.mark(window)
    alive = (Q,) if gone == "process" else (P, Q)
    held = () if gone == "instance" else (holding(A),)
    world.apply(tick(2 * SECOND_NS, {LOOP: LoopCounts(waits=3)}, alive=alive, held=held))
    world.mark(quick)
    for at in (3, 4):
        world.apply(tick(at * SECOND_NS, alive=alive, held=held))
    assert world.freeze(quick).loops == ()
    (last,) = world.freeze(slow).loops
    assert (last.did.counted.total.waits, last.lag_ns(4 * SECOND_NS)) == (3, None)
    world.mark(slow)
    assert world.freeze(slow).loops == world.freeze(quick).loops == ()
    known = world._state.loops.known
    assert [*known.counts, *known.turns, *known.past] == []


def test_a_loop_that_ended_and_begins_again_is_counted_anew_in_each_window() -> None:
    world = World()
    slow, quick = world.open_window(), world.open_window()
    world.apply(tick(SECOND_NS, {LOOP: LoopCounts(waits=5)}))
    for window in (slow, quick):
        world.mark(window)
    world.apply(tick(2 * SECOND_NS))
    world.mark(quick)
    world.apply(tick(3 * SECOND_NS, {LOOP: LoopCounts(waits=1)}))
    for window in (slow, quick):
        (one,) = world.freeze(window).loops
        assert one.did.counted.total.waits == 1


def test_loops_that_come_and_go_take_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window over all of it shows the last of those that are gone; the process has counted all."""
    monkeypatch.setattr(loops, "GONE_MAX", 20)
    world = World()
    window = world.open_window()
    for at in range(1, 50):
        fresh = {loop(A, tid=1000 + 10 * at + each): LoopCounts(waits=1) for each in range(10)}
        world.apply(tick(at * SECOND_NS, fresh, {key: turn(at) for key in fresh}))
    (process,) = world.freeze(window).processes
    assert len(process.loops) == 30
    assert process.table("loops").total.waits == 490
    known = vars(world._state.loops)
    assert max(len(value) for value in known.values() if isinstance(value, dict | set | frozenset)) <= 30
    assert len(world._state.loops.known.past) == 20
    assert len(window.loops.longest) == 0
    assert len(window.loops.shown[P].keys) == 30


def test_a_loop_that_never_returned_from_a_wait_has_empty_histograms() -> None:
    none = (0,) * TIME_BUCKETS
    assert histogram(none, (), 0) == histogram(none, none, 0) == Histogram((), 0)
