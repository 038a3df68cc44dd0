"""What a selection covers: rows, totals and the journal."""

from __future__ import annotations

import dataclasses

from epolltop.model.counts import Counts, Totals
from epolltop.model.process_selection import Selection
from epolltop.model.thread_waits import ThreadWaits
from tests.support.fake_source import Task, batch_of
from tests.support.records import SECOND_NS, A, B, C, P, Q, R, batch, census, create, holding, release
from tests.support.watched import Watched


def test_totals_of_all_are_those_of_the_kernel() -> None:
    world = Watched()
    totals = Totals(created=9, failed=2, released=8, released_by_kernel=3)
    world.apply(batch(SECOND_NS, [], counts={P: Counts(1)}, totals=totals))
    assert world.look().totals == totals


def test_a_selection_by_pid_covers_rows_totals_and_journal() -> None:
    world = Watched(Selection(pids=frozenset({Q.pid})))
    events = [create(A, 10, P), create(B, 11, Q, 4)]
    shared = census(20, holding(A, P, 3, 10), holding(B, Q, 4, 11), holding(B, P, 5, 11))
    counts = {P: Counts(1, 0, 0), Q: Counts(1, 2, 0)}
    world.apply(batch(SECOND_NS, events, shared, counts=counts, totals=Totals(2, 2, 0)))
    snapshot = world.look()
    assert [row.pid for row in snapshot.processes] == [Q.pid]
    assert snapshot.totals == Totals(1, 2, 0)
    assert [event.pid for event in snapshot.journal] == [Q.pid]
    assert (snapshot.open, snapshot.in_flight) == (1, 0)


def test_a_selection_by_user_follows_proc_and_else_the_events() -> None:
    world = Watched(Selection(uids=frozenset({P.pid, 1200})))  # processes run as their pid here, strangers as 1000 more
    events = [create(A, 10, P), create(B, 11, Q), release(B, 12, 11, Q), create(C, 13, R)]
    counts = {P: Counts(1), Q: Counts(1, 0, 1), R: Counts(1)}
    world.apply(batch(SECOND_NS, events, counts=counts, alive=(P, R)))
    snapshot = world.look()
    assert [row.pid for row in snapshot.processes] == [P.pid, Q.pid]
    assert [event.pid for event in snapshot.journal] == [P.pid, Q.pid, Q.pid]
    assert snapshot.totals == Totals(2, 0, 1)


def test_the_totals_of_a_selection_do_not_fall_with_the_count_of_one() -> None:
    world = Watched(Selection(pids=frozenset({P.pid})))
    for tick, created in enumerate([20, 3, 0, 2], start=1):
        counts = {P: Counts(created)} if created else {}
        world.apply(batch(tick * SECOND_NS, counts=counts, alive=()))
        totals = world.look(world.begin_window()).totals
        assert totals.created == (20, 23, 23, 25)[tick - 1]


def test_totals_of_a_selection_keep_those_who_are_gone() -> None:
    world = Watched(Selection(pids=frozenset({P.pid, Q.pid})))
    world.apply(batch(SECOND_NS, counts={P: Counts(5, 1, 5), R: Counts(7)}, alive=(P, R)))
    world.begin_window()
    for tick in (2, 3, 4):
        world.apply(batch(tick * SECOND_NS, counts={Q: Counts(2)}, alive=(Q,)))
        world.begin_window()
    snapshot = world.look()
    assert snapshot.totals == Totals(7, 1, 5)
    assert [row.pid for row in snapshot.processes] == [Q.pid]


def test_who_was_asked_for_and_did_nothing_is_beside_the_rows() -> None:
    idle, busy, other = Task(42, "idle", open=0), Task(43, "busy", open=1), Task(44, "other", open=0)
    world = Watched(Selection(pids=frozenset((42, 43))))
    world.apply(dataclasses.replace(batch_of(idle, busy, other), thread_waits={idle.key: ThreadWaits(poll=1)}))
    seen = world.look()
    assert [row.pid for row in seen.processes] == [43]
    assert [(row.pid, row.thread_waits) for row in seen.without_instance] == [(42, ThreadWaits(poll=1))]
    everything = Watched()
    everything.apply(batch_of(idle, busy, other))
    assert not everything.look().without_instance
