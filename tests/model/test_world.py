"""Counts, rates, rows and the journal, from batches made by hand."""

from __future__ import annotations

import dataclasses

import pytest

from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Kind
from epolltop.model.kept_rates import HISTORY
from epolltop.model.process_row import ProcessRow
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Probe, Source
from epolltop.model.thread_waits import ThreadWaits
from epolltop.model.world import JOURNAL
from epolltop.query.headline import totals_line
from tests.support.fake_source import Task, batch_of
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
    failed,
    holding,
    process,
    release,
    source,
)
from tests.support.watched import Watched


def _rows(snapshot: Snapshot) -> dict[int, ProcessRow]:
    return {row.pid: row for row in snapshot.processes}


def test_rows_are_holders_and_who_acted() -> None:
    world = Watched()
    counts = {P: Counts(3, 1, 2), R: Counts(0, 0, 0)}
    world.apply(batch(2 * SECOND_NS, [], census(SECOND_NS, holding(A, Q)), counts=counts, totals=Totals(3, 1, 2)))
    snapshot = world.look()
    rows = _rows(snapshot)
    assert rows.keys() == {P.pid, Q.pid}, "who did nothing and holds nothing is not listed"
    row = rows[P.pid]
    assert (row.created, row.failed, row.released, row.open) == (3, 1, 2, 0)
    assert (row.create_per_s, row.release_per_s) == (1.5, 1.0)
    assert (rows[Q.pid].open, rows[Q.pid].created) == (1, 0)
    assert (snapshot.open, snapshot.in_flight, snapshot.observed_s, snapshot.window_s) == (1, 0, 2.0, 2.0)
    assert (snapshot.create_per_s, snapshot.release_per_s) == (1.5, 1.0)
    assert row.started_ns == P.start * 10_000_000


def test_rates_are_taken_since_the_mark_and_counts_since_the_start() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, counts={P: Counts(10, 0, 4)}, totals=Totals(10, 0, 4), cpu_ns=SECOND_NS))
    mark = world.begin_window()
    world.apply(batch(3 * SECOND_NS, counts={P: Counts(16, 0, 4)}, totals=Totals(16, 0, 4), cpu_ns=2 * SECOND_NS))
    snapshot = world.look(mark)
    row = _rows(snapshot)[P.pid]
    assert (row.created, row.create_per_s, row.release_per_s) == (16, 3.0, 0.0)
    assert (snapshot.totals.created, snapshot.create_per_s, snapshot.release_per_s) == (16, 3.0, 0.0)
    assert (snapshot.window_s, snapshot.observed_s, snapshot.cpu_share) == (2.0, 3.0, 0.5)


def test_a_count_that_falls_began_anew_and_is_added() -> None:
    world = Watched()
    mark = None
    entries = [Counts(20, 2, 9), Counts(3, 0, 1), Counts(4, 0, 1), None, Counts(6, 0, 5), Counts(6, 1, 4)]
    expected = [(20, 2, 9), (23, 2, 10), (24, 2, 10), (24, 2, 10), (30, 2, 15), (36, 3, 19)]
    rates: list[tuple[float, float]] = []
    for tick, (entry, counts) in enumerate(zip(entries, expected, strict=True), start=1):
        held = census(tick * SECOND_NS, holding(A))
        world.apply(batch(tick * SECOND_NS, [], held, counts={P: entry} if entry else {}, alive=()))
        row = _rows(world.look(mark))[P.pid]
        assert (row.created, row.failed, row.released) == counts
        rates.append((row.create_per_s, row.release_per_s))
        mark = world.begin_window()
    assert rates[1:] == [(3, 1), (1, 0), (0, 0), (6, 5), (6, 4)]


def test_the_totals_of_a_selection_do_not_fall_with_the_count_of_one() -> None:
    world = Watched(Selection(pids=frozenset({P.pid})))
    for tick, created in enumerate([20, 3, 0, 2], start=1):
        counts = {P: Counts(created)} if created else {}
        world.apply(batch(tick * SECOND_NS, counts=counts, alive=()))
        totals = world.look(world.begin_window()).totals
        assert totals.created == (20, 23, 23, 25)[tick - 1]


def test_who_did_nothing_since_the_mark_and_holds_nothing_is_not_listed() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, counts={P: Counts(1, 0, 1)}))
    mark = world.begin_window()
    world.apply(batch(2 * SECOND_NS, counts={P: Counts(1, 0, 1)}))
    assert world.look(mark).processes == ()
    assert _rows(world.look())[P.pid].created == 1


def test_before_anything_was_observed_there_are_no_rates() -> None:
    world = Watched()
    world.apply(dataclasses.replace(batch(0, [], census(0, holding(A)))))
    snapshot = world.look(world.begin_window())
    assert (snapshot.window_s, snapshot.create_per_s, snapshot.processes[0].create_per_s) == (0.0, 0.0, 0.0)


def _histories(*created: int, polls: int = 1) -> list[tuple[float, ...]]:
    """Of P, when it has created so many: a window each, that begins with the end of the one before."""
    world = Watched()
    histories = []
    for poll, number in enumerate(created):
        at = (1 + poll) * SECOND_NS
        world.apply(batch(at, [], census(at, holding(A)), counts={P: Counts(created=number)}))
        if poll == 0:
            mark = world.begin_window()
        elif poll % polls == 0:
            histories.append(_rows(world.look(mark))[P.pid].rates_kept("history"))
            mark = world.begin_window()
    return histories


def test_history_is_a_rate_a_window_and_goes_back_so_far() -> None:
    history = _histories(*(tick * tick for tick in range(HISTORY + 11)))[-1]
    assert len(history) == HISTORY
    assert history[-1] == 2 * (HISTORY + 10) - 1
    assert history[0] == 2 * 11 - 1


def test_history_begins_with_the_first_creation_and_is_forgotten_when_it_is_over() -> None:
    histories = _histories(1, 1, 1, 5, 5, 7, *[7] * HISTORY)
    assert histories[:5] == [(0.0,), (0.0,), (4.0,), (4.0, 0.0), (4.0, 0.0, 2.0)]
    assert histories[-4] == (4.0, 0.0, 2.0, *[0.0] * (HISTORY - 3)), "all that it goes back"
    assert histories[-3] == (2.0, *[0.0] * (HISTORY - 2)), "the first is forgotten, with the zeros after it"
    assert histories[-2:] == [(2.0, *[0.0] * (HISTORY - 1)), (0.0,)]


def test_history_is_of_windows_however_often_the_source_was_asked() -> None:
    assert _histories(0, 1, 4, 4, 5, 9, 13, polls=2) == [(2.0,), (2.0, 0.5), (2.0, 0.5, 4.0)]


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


def test_the_journal_has_everything_once_in_order_and_keeps_the_last() -> None:
    world = Watched(tell_all=True)
    world.apply(batch(1, [], census(1, holding(C))))
    world.apply(batch(30, [create(A, 10), failed(11, Q), release(A, 20, 10), release(C, 21)], census(25)))
    snapshot = world.look()
    assert [event.kind for event in snapshot.journal] == [
        Kind.CREATE,
        Kind.CREATE_FAILED,
        Kind.RELEASE,
        Kind.RELEASE,
    ]
    assert [event.instance for event in snapshot.journal] == ["a00@10", None, "a00@10", "c00@1"]
    assert snapshot.journal[2].lifetime_ns == 10
    assert snapshot.news == snapshot.journal
    assert world.look().news == ()
    world.apply(batch(40, [failed(31 + number) for number in range(JOURNAL)]))
    snapshot = world.look()
    assert (len(snapshot.journal), snapshot.journal_end, len(snapshot.news)) == (JOURNAL, JOURNAL + 4, JOURNAL)


def test_news_are_only_for_who_asks() -> None:
    world = Watched()
    world.apply(batch(30, [create(A, 10)]))
    snapshot = world.look()
    assert (snapshot.news, len(snapshot.journal)) == ((), 1)


def test_where_no_probe_fires_changes_between_two_censuses_count() -> None:
    world = Watched()
    blind = source(created=False, released=False)
    assert not blind.exact
    world.apply(batch(SECOND_NS, [], census(1, holding(1), holding(2), by_address=False), by=blind))
    assert world.look().totals == Totals()
    world.apply(
        batch(2 * SECOND_NS, [], census(2, holding(2), holding(3), holding(4, Q), by_address=False), by=blind),
    )
    snapshot = world.look()
    assert (snapshot.totals.created, snapshot.totals.released) == (2, 1)
    rows = _rows(snapshot)
    assert (rows[P.pid].created, rows[P.pid].released, rows[P.pid].open) == (1, 1, 2)
    assert (rows[Q.pid].created, rows[Q.pid].released) == (1, 0)
    assert [event.kind for event in snapshot.journal] == [Kind.FOUND, Kind.FOUND, Kind.GONE]


def test_where_only_releases_are_not_traced_only_they_are_derived() -> None:
    world = Watched()
    half = source(released=False)
    world.apply(batch(SECOND_NS, [create(A, 10), create(B, 11)], census(20, holding(A, created=10)), by=half))
    world.apply(batch(2 * SECOND_NS, [], census(30), by=half, counts={P: Counts(created=2)}, totals=Totals(created=2)))
    snapshot = world.look()
    row = _rows(snapshot)[P.pid]
    assert (row.created, row.released, row.open) == (2, 2, 0)
    assert (snapshot.totals.created, snapshot.totals.released) == (2, 2)
    assert "created 2 (" in totals_line(snapshot)
    assert "freed ≥2 (" in totals_line(snapshot)


def test_a_probe_of_something_else_that_sees_nothing_changes_no_count() -> None:
    world, by = Watched(), source()
    by = dataclasses.replace(by, probes=(*by.probes, Probe("epoll_wait", "nowhere", False)))
    world.apply(batch(SECOND_NS, [create(A, 10)], census(20, holding(A, created=10)), by=by))
    # Released by a kernel thread: in the totals only, which a sum over processes would lack.
    counted = {P: Counts(created=1)}
    world.apply(batch(2 * SECOND_NS, [release(A, SECOND_NS, 10)], by=by, counts=counted, totals=Totals(1, 0, 1, 1)))
    snapshot = world.look()
    assert (snapshot.exact, snapshot.totals) == (True, Totals(1, 0, 1, 1))


@pytest.mark.parametrize("missed", [source(lost=1), source(untold_releases=1)])
def test_what_was_missed_is_healed_by_the_next_censuses(missed: Source) -> None:
    world = Watched()
    world.apply(batch(5, [create(A, 1), create(B, 2)], census(3, holding(A, created=1), holding(B, created=2))))
    # A's release is missing, known as such only after the census that still showed it.
    still = census(6, holding(A, created=1), holding(B, created=2))
    world.apply(batch(10, [], still, by=missed))
    assert world.look().open == 2
    world.apply(batch(20, [], census(15, holding(B, created=2)), by=missed))
    snapshot = world.look()
    assert (snapshot.open, snapshot.in_flight) == (1, 0)
    assert [(event.kind, event.instance) for event in snapshot.journal[2:]] == [(Kind.GONE, "a00@1")]
    # Nothing more is missing: what is held by nobody is in flight.
    world.apply(batch(30, [], census(25, holding(B, created=2)), by=missed))
    world.apply(batch(40, [], census(35), by=missed))
    snapshot = world.look()
    assert (snapshot.open, snapshot.in_flight, snapshot.processes) == (1, 1, ())


def test_where_releases_may_be_left_out_uncounted_what_nobody_holds_has_ended() -> None:
    world = Watched()
    unsure = dataclasses.replace(source(), sees_all_releases=False)
    world.apply(batch(10, [create(A, 1)], census(5, holding(A, created=1)), by=unsure))
    world.apply(batch(20, [], census(15), by=unsure))
    snapshot = world.look()
    assert (snapshot.open, snapshot.in_flight) == (0, 0)
    assert [(event.kind, event.instance) for event in snapshot.journal[1:]] == [(Kind.GONE, "a00@1")]
    # It was in flight.
    world.apply(batch(30, [], census(25, holding(A, Q, 4, created=1)), by=unsure))
    (row,) = world.look().processes
    assert (row.pid, [one.id for one in row.instances]) == (Q.pid, ["a00@25"]), "or another at its address"


def test_in_flight_is_counted_and_held_by_no_row() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [create(A, 10)], census(20)))
    snapshot = world.look()
    assert (snapshot.open, snapshot.in_flight, snapshot.processes) == (1, 1, ())


def test_a_shared_instance_is_one_under_each_holder() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [], census(20, holding(A), holding(A, Q, 4), holding(B, Q, 5))))
    snapshot = world.look()
    rows = _rows(snapshot)
    assert (snapshot.open, rows[P.pid].open, rows[Q.pid].open) == (2, 1, 2)
    assert rows[P.pid].instances[0].id == rows[Q.pid].instances[0].id


def test_a_process_that_ended_stays_for_its_window_and_is_then_forgotten() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [], counts={P: Counts(1)}, alive=(P,)))
    mark = world.begin_window()
    world.apply(batch(2 * SECOND_NS, [create(A, 10), release(A, 20, 10)], counts={P: Counts(5, 0, 5)}, alive=()))
    snapshot = world.look(mark)
    (row,) = snapshot.processes
    assert (row.created, row.released, row.create_per_s, row.ended) == (5, 5, 4.0, True)
    assert (row.name, row.user, row.command) == ("name 100", "user 100", "command 100"), "as it was last seen"
    world.begin_window()
    world.apply(batch(3 * SECOND_NS, [], counts={}, alive=()))
    mark = world.begin_window()
    assert world.look(mark).processes == ()
    assert world.look().processes == (), "not even over the whole observation"


def test_who_was_gone_before_proc_was_asked_is_known_by_its_events() -> None:
    world = Watched()
    events = [create(A, 10, Q), release(A, 20, 10, Q)]
    world.apply(batch(SECOND_NS, events, counts={Q: Counts(1, 0, 1)}, alive=()))
    (row,) = world.look().processes
    assert (row.name, row.command, row.uid, row.facts.ppid, row.ended) == ("actor 200", "[actor 200]", 1200, 1, True)
    assert (row.user, row.facts.cgroup, row.facts.fds, row.facts.fd_limit) == (None, None, None, None), (
        "unknown is not zero"
    )


def test_the_user_of_who_was_gone_is_named_as_long_as_he_is_remembered() -> None:
    world = Watched()
    events = [create(A, 10, Q), release(A, 20, 10, Q), failed(21, R)]
    told = batch(SECOND_NS, events, counts={Q: Counts(1, 0, 1), R: Counts(0, 1)}, alive=())
    world.apply(dataclasses.replace(told, users={1200: "alice"}))
    assert [(row.uid, row.user) for row in world.look().processes] == [(1200, "alice"), (1300, None)]
    for tick in (2, 3):
        world.begin_window()
        world.apply(batch(tick * SECOND_NS, alive=()))
    world.begin_window()
    assert (world._processes._users, world._processes.exited_actors) == ({}, {})


def test_who_was_never_seen_at_all_is_unknown() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [], counts={Q: Counts(1, 0, 1, 1)}, alive=()))
    (row,) = world.look().processes
    assert (row.name, row.uid, row.facts.ppid, row.ended, row.sampled_out) == ("", None, None, True, 1)


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


def test_a_selection_by_user_follows_proc_and_else_the_events() -> None:
    world = Watched(Selection(uids=frozenset({P.pid, 1200})))  # processes run as their pid here, strangers as 1000 more
    events = [create(A, 10, P), create(B, 11, Q), release(B, 12, 11, Q), create(C, 13, R)]
    counts = {P: Counts(1), Q: Counts(1, 0, 1), R: Counts(1)}
    world.apply(batch(SECOND_NS, events, counts=counts, alive=(P, R)))
    snapshot = world.look()
    assert [row.pid for row in snapshot.processes] == [P.pid, Q.pid]
    assert [event.pid for event in snapshot.journal] == [P.pid, Q.pid, Q.pid]
    assert snapshot.totals == Totals(2, 0, 1)


def test_facts_are_those_of_the_last_batch() -> None:
    world = Watched()
    first = batch(SECOND_NS, [create(A, 10)])
    world.apply(first)
    renamed = {P: process(P, name="new name", fds=55)}
    world.apply(dataclasses.replace(batch(2 * SECOND_NS), processes=renamed))
    row = _rows(world.look())[P.pid]
    assert (row.name, row.facts.fds, row.ended) == ("new name", 55, False)


def test_watches_reach_the_row_and_stay_until_measured_again() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [create(A, 10)], watches={A: 4, B: 9}))
    world.apply(batch(2 * SECOND_NS))
    assert [one.watches for one in _rows(world.look())[P.pid].instances] == [4]


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
