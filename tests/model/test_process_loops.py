"""What is asked about all loops of a process, of which most rest."""

from __future__ import annotations

from collections.abc import Mapping

from epolltop.model.loop_activity import LoopCounts, LoopKey, Turn, WaitCall
from epolltop.model.process_loops import ProcessLoops, Worst
from epolltop.model.world import World
from tests.support.records import SECOND_NS, A, B, P, batch, census, holding, loop, turn

MS = 1_000_000
NOW = 10 * SECOND_NS
IDLE, BUSY = loop(A, tid=101), loop(B, tid=102)


def ticks(away_ms: Mapping[LoopKey, int], turns: Mapping[LoopKey, Turn]) -> list[ProcessLoops]:
    """The loops of a process, second by second, by how long each is away in one, and the turn that it is in.

    Who is not away at all does nothing.
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
    away = ticks({IDLE: 0, BUSY: 0}, resting | {BUSY: turn(8, NOW - 4 * SECOND_NS)})[-1]
    assert worst(away) == Worst(1.0, 4 * SECOND_NS)
    assert away.worst(NOW, NOW + SECOND_NS).lag_ns == 5 * SECOND_NS  # the same rows, later


def test_nothing_is_known_of_no_loop() -> None:
    assert worst(ProcessLoops()) == Worst(None, None)


def test_of_each_way_to_wait_it_tells_the_most_waits() -> None:
    loops = ticks({IDLE: 1, BUSY: 1}, {IDLE: turn(7), BUSY: turn(8, maxevents=64)})[-1]
    assert {way: waits for way, (waits, _) in loops.ways_to_wait.items()} == {
        (WaitCall.EPOLL_WAIT, 512): 10,
        (WaitCall.EPOLL_WAIT, 64): 10,
    }
