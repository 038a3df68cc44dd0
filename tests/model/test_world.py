"""Rows and snapshots, from batches made by hand."""

from __future__ import annotations

from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Kind
from epolltop.model.snapshot import Snapshot
from tests.support.records import (
    SECOND_NS,
    A,
    B,
    C,
    P,
    Q,
    R,
    batch,
    census,
    create,
    holding,
    release,
)
from tests.support.watched import Watched, rows_by_pid


def test_rows_are_holders_and_who_acted() -> None:
    world = Watched()
    counts = {P: Counts(3, 1, 2), R: Counts(0, 0, 0)}
    world.apply(batch(2 * SECOND_NS, [], census(SECOND_NS, holding(A, Q)), counts=counts, totals=Totals(3, 1, 2)))
    snapshot = world.look()
    rows = rows_by_pid(snapshot)
    assert rows.keys() == {P.pid, Q.pid}, "who did nothing and holds nothing is not listed"
    row = rows[P.pid]
    assert (row.created, row.failed, row.released, row.open) == (3, 1, 2, 0)
    assert (row.create_per_s, row.release_per_s) == (1.5, 1.0)
    assert (rows[Q.pid].open, rows[Q.pid].created) == (1, 0)
    assert (snapshot.open, snapshot.in_flight, snapshot.observed_s, snapshot.window_s) == (1, 0, 2.0, 2.0)
    assert (snapshot.create_per_s, snapshot.release_per_s) == (1.5, 1.0)
    assert row.started_ns == P.start * 10_000_000


def test_who_did_nothing_since_the_mark_and_holds_nothing_is_not_listed() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, counts={P: Counts(1, 0, 1)}))
    mark = world.begin_window()
    world.apply(batch(2 * SECOND_NS, counts={P: Counts(1, 0, 1)}))
    assert world.look(mark).processes == ()
    assert rows_by_pid(world.look())[P.pid].created == 1


def test_what_did_not_change_is_the_same_object_in_the_next_snapshot() -> None:
    world = Watched()
    held = (holding(A), holding(B, Q, 4))
    snapshots: list[Snapshot] = []
    world.apply(batch(0, [], census(0, *held), counts={P: Counts(), Q: Counts()}))  # growth is known after a second
    for tick, created in enumerate([0, 0, 0, 1, 1, 1], start=1):
        mark = world.begin_window() if snapshots else None
        # The same each time, but told anew, as sources do.
        counts = {P: Counts(), Q: Counts(created)}
        events = [create(C, 3 * SECOND_NS, Q), release(C, 3 * SECOND_NS + 1, 3 * SECOND_NS, Q)] if tick == 4 else []
        world.apply(batch(tick * SECOND_NS, events, census(tick * SECOND_NS, *held), counts=counts))
        snapshots.append(world.look(mark))
    first, second, third, busy, after, last = snapshots
    assert first.processes is second.processes is third.processes
    assert first.journal is second.journal is third.journal
    assert busy.journal is after.journal is last.journal
    assert [event.kind for event in busy.journal] == [Kind.CREATE, Kind.RELEASE]
    assert {id(snapshot.processes[0]) for snapshot in snapshots} == {id(first.processes[0])}
    assert [snapshot.processes[1].create_per_s for snapshot in snapshots[2:]] == [0.0, 1.0, 0.0, 0.0]
    assert busy.processes[1].instances is first.processes[1].instances


def test_in_flight_is_counted_and_held_by_no_row() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [create(A, 10)], census(20)))
    snapshot = world.look()
    assert (snapshot.open, snapshot.in_flight, snapshot.processes) == (1, 1, ())


def test_a_shared_instance_is_one_under_each_holder() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [], census(20, holding(A), holding(A, Q, 4), holding(B, Q, 5))))
    snapshot = world.look()
    rows = rows_by_pid(snapshot)
    assert (snapshot.open, rows[P.pid].open, rows[Q.pid].open) == (2, 1, 2)
    assert rows[P.pid].instances[0].id == rows[Q.pid].instances[0].id


def test_watches_reach_the_row_and_stay_until_measured_again() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [create(A, 10)], watches={A: 4, B: 9}))
    world.apply(batch(2 * SECOND_NS))
    assert [one.watches for one in rows_by_pid(world.look())[P.pid].instances] == [4]


def test_a_snapshot_does_not_change_when_the_world_goes_on() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [create(A, 10)], counts={P: Counts(1)}))
    snapshot = world.look()
    row = snapshot.processes[0]
    copy = (row.instances, row.created, row.rates_kept("history"), snapshot.journal, snapshot.totals)
    world.apply(batch(2 * SECOND_NS, [release(A, 20, 10), create(B, 30)], census(40), counts={P: Counts(2, 0, 1)}))
    world.look()
    assert (row.instances, row.created, row.rates_kept("history"), snapshot.journal, snapshot.totals) == copy


def test_two_processes_with_one_pid_are_two_rows() -> None:
    world = Watched()
    heir = P._replace(start=5000)
    world.apply(batch(SECOND_NS, [], census(5, holding(A, heir)), counts={P: Counts(3, 0, 3)}, alive=(heir,)))
    rows = {row.key: row for row in world.look().processes}
    assert (rows[P].open, rows[P].created, rows[P].ended) == (0, 3, True)
    assert (rows[heir].open, rows[heir].created, rows[heir].ended) == (1, 0, False)


def test_wall_time_of_an_event_is_that_of_its_boot_time() -> None:
    world = Watched()
    world.apply(batch(5 * SECOND_NS, [create(A, 3 * SECOND_NS)]))
    snapshot = world.look()
    assert snapshot.wall_of(snapshot.journal[0].time_ns) == snapshot.wall_ns - 2 * SECOND_NS


def test_own_cost_is_a_share_of_the_whole_observation() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, cpu_ns=10 * SECOND_NS))
    world.apply(batch(5 * SECOND_NS, cpu_ns=11 * SECOND_NS))
    assert world.look().cpu_share == 0.2
