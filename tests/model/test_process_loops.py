"""What is asked about all loops of a process, of which most rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopKey, LoopTimes, Turn, WaitCall
from epolltop.model.loop_times import followed_by
from epolltop.model.process_loops import ProcessLoops, Stir, Woken, Worst
from epolltop.model.rates import added
from epolltop.model.world import World
from tests.support.records import SECOND_NS, A, B, P, batch, census, holding, loop, turn

MS = 1_000_000
NOW = 10 * SECOND_NS
IDLE, BUSY = loop(A, tid=101), loop(B, tid=102)


def ticks(away_ms: Mapping[LoopKey, int], turns: Mapping[LoopKey, Turn]) -> list[ProcessLoops]:
    """The loops of a process, second by second, by how long each is away in one, and the turn that it is in.

    All their rows are looked at. Who is not away at all does nothing.
    """
    world = World()
    window = world.open_window()
    told = []
    for second in (8, 9, 10):
        counts = {
            key: LoopCounts(second, waiting_ns=(1000 - away) * MS * second, away_ns=away * MS * second)
            if away
            else LoopCounts()
            for key, away in away_ms.items()
        }
        taken = census(second * SECOND_NS - 1, holding(A), holding(B, fd=4))
        world.apply(batch(second * SECOND_NS, taken=taken, loops=counts, turns=turns, alive=(P,)))
        told.append(world.freeze(window).processes[0].loops)
        assert len(told[-1].rows) == len(away_ms)
        world.mark(window)
    return told


def worst(loops: ProcessLoops) -> Worst:
    return loops.worst(NOW - SECOND_NS, NOW)


def test_the_row_of_who_rests_stays_the_same_object_beside_one_that_acts() -> None:
    _, before, after = ticks({IDLE: 0, BUSY: 400}, {IDLE: turn(7), BUSY: turn(8)})
    assert [(row.key, row is was) for row, was in zip(after, before, strict=True)] == [(IDLE, True), (BUSY, False)]
    _, before, after = ticks({IDLE: 0, BUSY: 0}, {IDLE: turn(7), BUSY: turn(8)})
    assert after is before


def test_who_waits_all_the_time_is_neither_busy_nor_late() -> None:
    assert worst(ticks({IDLE: 0}, {IDLE: turn(7)})[-1]) == Worst(0.0, 0)


def test_the_worst_is_that_of_who_acts_or_is_away_even_if_nothing_ended() -> None:
    resting = {IDLE: turn(7)}
    acting = ticks({IDLE: 0, BUSY: 400}, resting | {BUSY: turn(NOW)})[-1]
    assert worst(acting) == worst(acting) == Worst(0.4, 0)
    assert ProcessLoops(acting.rows).worst(NOW - SECOND_NS, NOW) == worst(acting)
    away = ticks({IDLE: 0, BUSY: 0}, resting | {BUSY: turn(8, NOW - 4 * SECOND_NS)})[-1]
    assert worst(away) == Worst(1.0, 4 * SECOND_NS)
    assert away.worst(NOW, NOW + SECOND_NS).lag_ns == 5 * SECOND_NS  # the same rows, later


def test_windows_that_begin_together_share_rows() -> None:
    world = World()
    first, second, other = (world.open_window() for _ in range(3))
    for at in (8, 9, 10):
        taken = census(at * SECOND_NS - 1, holding(A))
        world.apply(
            batch(at * SECOND_NS, taken=taken, loops={IDLE: LoopCounts(at)}, turns={IDLE: turn(at)}, alive=(P,))
        )
        if at < 10:
            for window in (first, second) if at == 9 else (first, second, other):
                world.mark(window)
    shown, again, longer = (world.freeze(window).processes[0].loops for window in (first, second, other))
    assert shown is again
    assert [each[0].did.counted.per_s("waits") for each in (shown, longer)] == [1.0, 1.0]
    assert longer[0].did.counted.rises[0] == 2


def test_nothing_is_known_of_no_loop() -> None:
    assert worst(ProcessLoops()) == Worst(None, None)


def test_of_each_way_to_wait_it_tells_the_most_waits() -> None:
    loops = ticks({IDLE: 1, BUSY: 1}, {IDLE: turn(7), BUSY: turn(8, maxevents=64)})[-1]
    assert {way: waits for way, (waits, _) in loops.ways_to_wait.items()} == {
        (WaitCall.EPOLL_WAIT, 512): 10,
        (WaitCall.EPOLL_WAIT, 64): 10,
    }


MAXIMA = st.sampled_from([0, 1 * MS, 9 * MS, 10 * MS, 300 * MS])
"""0: it is not known, the buckets tell."""
TIMES = st.builds(
    LoopTimes,
    *[st.lists(st.integers(0, 1), min_size=TIME_BUCKETS, max_size=TIME_BUCKETS).map(tuple)] * 3,
    *[MAXIMA] * 7,
)
COUNTS = st.builds(
    LoopCounts,
    *[st.integers(0, 20)] * 3,
    timeouts_met=st.integers(0, 1),
    slept=st.integers(0, 3),
    wake_runq_ns=MAXIMA,
)
TURNS = st.builds(turn, st.integers(1, NOW), st.sampled_from([0, NOW - 10 * MS, NOW - 10 * MS + 1, NOW]))
DID = st.none() | st.tuples(COUNTS, TIMES)
STIRS = st.builds(Stir, st.integers(1, 20), MAXIMA.map(lambda ns: max(1, ns)))


@given(did=st.lists(st.tuples(DID, DID), min_size=1, max_size=4), turns=st.tuples(*[TURNS] * 4), stir=STIRS)
def test_columns_tell_what_rows_tell(did: list[tuple[Any, Any]], turns: tuple[Turn, ...], stir: Stir) -> None:
    """Of loops that do something in none, one or both of two windows."""
    world = World()
    window = world.open_window()
    keys = [loop(A, tid=100 + number) for number in range(len(did))]
    counts, times = dict.fromkeys(keys, LoopCounts()), dict.fromkeys(keys, LoopTimes())
    for at, now_ns in enumerate((NOW - SECOND_NS, NOW)):
        for key, each in zip(keys, did, strict=True):
            if each[at]:
                counts[key] = added(counts[key], each[at][0])
                times[key] = followed_by(times[key], each[at][1])
        world.apply(
            batch(
                now_ns,
                taken=census(NOW - 3 * SECOND_NS, holding(A)),
                alive=(P,),
                loops=dict(counts),
                loop_times=dict(times),
                turns=dict(zip(keys, turns, strict=False)),
            )
        )
        loops = world.freeze(window).processes[0].loops
        told = told_of(loops, stir)
        assert told == told_of(ProcessLoops(loops.rows), stir)
        world.mark(window)


def told_of(loops: ProcessLoops, stir: Stir) -> tuple[Any, ...]:
    every = tuple(loops.row(at) for at in range(len(loops)))
    return (
        every,
        list(loops.stirred(stir, NOW)),
        list(loops.on_instances),
        list(loops.brought),
        loops.poll_delay_max_ns,
        list(loops.woken_late(stir.ns)),
    )


@pytest.mark.parametrize(("ns", "found"), [(1, True), (4 * MS, True), (4 * MS + 1, False)])
def test_who_is_woken_late_is_so_on_average_over_the_window(ns: int, found: bool) -> None:
    """Before it, the loop never waited for a CPU."""
    world = World()
    window = world.open_window()
    key, other = loop(A), loop(B, tid=102)
    did = LoopCounts(waits=40, slept=10), LoopCounts(waits=80, slept=15, wake_runq_ns=20 * MS)
    for now_ns, counts in zip((NOW - SECOND_NS, NOW), did, strict=True):
        taken = census(NOW - 3 * SECOND_NS, holding(A), holding(B, fd=4))
        loops = {other: LoopCounts(waits=9), key: counts}
        turns = {key: turn(1), other: turn(2)}
        world.apply(batch(now_ns, taken=taken, alive=(P,), loops=loops, turns=turns))
        if now_ns != NOW:
            world.freeze(window)
            world.mark(window)
    told = world.freeze(window).processes[0].loops
    at = [row.key for row in told.rows].index(key)
    assert list(told.woken_late(ns)) == [Woken(at, 5, 4 * MS)] * found
    assert list(ProcessLoops(told.rows).woken_late(ns)) == [Woken(at, 5, 4 * MS)] * found


DELAYS = st.lists(st.sampled_from([0, 100, 9 * MS, 10 * MS, 300 * MS]), max_size=120)


@example(
    delays=([], [0] * 99 + [300 * MS]), ns=10 * MS, unmeasured=0, knows_maxima=True
)  # it is not the 99th percentile
@example(delays=([], [0] * 98 + [300 * MS]), ns=10 * MS, unmeasured=0, knows_maxima=True)
@given(
    delays=st.tuples(DELAYS, DELAYS),
    ns=MAXIMA.map(lambda ns: max(1, ns)),
    unmeasured=st.integers(0, 3),
    knows_maxima=st.booleans(),
)
def test_columns_tell_who_is_delayed_as_rows_do(
    delays: tuple[list[int], list[int]], ns: int, unmeasured: int, knows_maxima: bool
) -> None:
    """Of a loop that met timeouts in one or both of two windows, of which some may be in no histogram."""
    world = World()
    window = world.open_window()
    key = loop(A)
    counts, times = LoopCounts(), LoopTimes()
    for now_ns, window_delays in zip((NOW - SECOND_NS, NOW), delays, strict=True):
        met = len(window_delays) + (unmeasured if now_ns == NOW else 0)
        counts = added(counts, LoopCounts(met, timeouts_met=met, unmeasured=met - len(window_delays)))
        peak_ns = max(window_delays, default=0) if knows_maxima else 0
        times = followed_by(times, LoopTimes((), (), delay_buckets(window_delays), poll_delay_max_ns=peak_ns))
        told = batch(
            now_ns,
            taken=census(NOW - 3 * SECOND_NS, holding(A)),
            alive=(P,),
            loops={key: counts},
            loop_times={key: times},
            turns={key: turn(1)},
        )
        world.apply(told)
        loops = world.freeze(window).processes[0].loops
        found = list(loops.delayed(ns))
        assert found == list(ProcessLoops(loops.rows).delayed(ns))
        if knows_maxima and max(window_delays, default=0) >= ns:
            assert [each.timeouts for each in found] == [len(window_delays)]
        world.mark(window)


def delay_buckets(delays_ns: list[int]) -> tuple[int, ...]:
    """As a probe counts them, see LoopTimes."""
    counts = [0] * TIME_BUCKETS
    for each in delays_ns:
        counts[max(0, each.bit_length() - 10)] += 1
    return tuple(counts)
