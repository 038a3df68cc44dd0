from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.model.instance import Holder
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.snapshot import Snapshot
from epolltop.ui.state import snapshot_history as module
from epolltop.ui.state.snapshot_history import EVENTS, LOOP, NEAR, ROW, SNAPSHOTS, Ring
from tests.support.records import NOW_NS, SECOND_NS, event
from tests.support.rows import instance, loop_row, process_row, snapshot


def at(second: int, processes: int = 1) -> Snapshot:
    rows = tuple(process_row(pid) for pid in range(1, processes + 1))
    return replace(snapshot(*rows), now_ns=NOW_NS + second * SECOND_NS)


def filled(seconds: int) -> Ring:
    ring = Ring()
    for second in range(seconds):
        ring.add(at(second))
    return ring


def shown(ring: Ring) -> int | None:
    return None if ring.shown is None else (ring.shown.now_ns - NOW_NS) // SECOND_NS


def test_an_empty_ring_shows_nothing_and_goes_nowhere() -> None:
    ring = Ring()
    assert (ring.shown, ring.latest, ring.step(-1), ring.reach_s) == (None, None, False, 0.0)
    ring.hold()
    assert ring.held is None


def test_what_is_held_stays_while_new_ones_come() -> None:
    ring = filled(3)
    ring.hold()
    ring.add(at(3))
    assert (shown(ring), ring.latest) == (2, at(3))
    ring.release()
    assert shown(ring) == 3


def test_steps_go_back_and_forth_and_stop_at_both_ends() -> None:
    ring = filled(5)
    assert ring.step(-1)
    assert shown(ring) == 3
    assert ring.step(-3)
    assert shown(ring) == 0
    assert not ring.step(-10)
    assert shown(ring) == 0
    assert not ring.step(10)
    assert shown(ring) == 4


def test_stepping_forward_from_what_left_the_ring_meets_the_oldest_kept() -> None:
    ring = filled(2)
    ring.step(-1)
    for second in range(2, SNAPSHOTS + 2):
        ring.add(at(second))
    assert shown(ring) == 0
    assert ring.step(1)
    assert shown(ring) == 2


def test_it_reaches_five_minutes_back_and_forgets_what_is_older() -> None:
    ring = filled(SNAPSHOTS + 50)
    assert ring.reach_s == SNAPSHOTS - 1
    assert not ring.step(-1000)
    assert shown(ring) == 50


def test_many_rows_shorten_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 100 * ROW)
    ring = Ring()
    for second in range(20):
        ring.add(at(second, processes=30))
    assert ring.reach_s == 3
    ring.add(at(20, processes=500))
    assert ring.reach_s == 3, "the newest takes no room of its own"
    ring.add(at(21))
    assert (ring.reach_s, shown(ring)) == (0.0, 21)


def test_rows_that_did_not_change_shorten_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 100 * ROW)
    ring, same = Ring(), at(0, processes=30)
    for second in range(20):
        ring.add(replace(same, now_ns=NOW_NS + second * SECOND_NS))
    assert ring.reach_s == 19


def test_in_a_storm_older_snapshots_keep_their_last_events() -> None:
    ring = Ring()
    stormy = tuple(event(time_ns=number) for number in range(2 * EVENTS))
    for second in range(NEAR + 2):
        journal = stormy if second == 1 else ()
        ring.add(replace(at(second), journal=journal, journal_end=2 * EVENTS * min(second, 1)))
        if second == NEAR - 1:
            ring.step(1 - NEAR + 1)
            assert len(ring.held.journal if ring.held else ()) == 2 * EVENTS
    ring.step(-NEAR)
    ring.release()
    ring.step(-NEAR)
    assert shown(ring) == 1
    assert ring.held is not None
    assert tuple(ring.held.journal) == stormy[-EVENTS:]


def test_it_starts_again_with_one_snapshot() -> None:
    ring = filled(5)
    ring.step(-2)
    ring.restart(at(99))
    assert (shown(ring), ring.held, ring.reach_s) == (99, None, 0.0)


def test_instances_that_change_hands_take_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand instances of a hundred holders, of whom others come and go: the oldest snapshots go early."""
    monkeypatch.setattr(module, "ROOM", 10 * 1_000 * 8 * 100)
    ring = Ring()
    for second in range(30):
        holders = tuple(Holder(ProcessKey(pid, 1), (3,)) for pid in range(second + 1, second + 101))
        instances = tuple(instance(file)._replace(holders=holders) for file in range(1, 1_001))
        row = replace(process_row(second + 1), key=ProcessKey(second + 1, 1), instances=instances)
        ring.add(replace(snapshot(row), now_ns=NOW_NS + second * SECOND_NS))
    assert 5 <= len(ring._kept) <= 10


def test_loops_that_act_in_every_snapshot_count_and_those_that_do_not_are_shared() -> None:
    idle = tuple(loop_row(instance(0xA00 + number)) for number in range(100))

    def kept(act: bool) -> int:
        ring = Ring()
        for second in range(SNAPSHOTS):
            loops = tuple(row._replace(since_ns=second) for row in idle) if act else idle
            rows = (replace(process_row(1), loops=ProcessLoops(loops)),)
            ring.add(replace(snapshot(*rows), now_ns=NOW_NS + second * SECOND_NS))
        return round(ring.reach_s) + 1

    assert kept(act=False) == SNAPSHOTS
    assert kept(act=True) <= 1 + module.ROOM // (100 * LOOP) < SNAPSHOTS
