"""Who processes are, by /proc or by their events, and for how long that is known."""

from __future__ import annotations

import dataclasses

from epolltop.model.counts import Counts
from tests.support.records import SECOND_NS, A, P, Q, R, batch, create, failed, process, release
from tests.support.watched import Watched, rows_by_pid


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
    assert (world._state.processes._users, world._state.processes.exited_actors) == ({}, {})


def test_who_was_never_seen_at_all_is_unknown() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, [], counts={Q: Counts(1, 0, 1, 1)}, alive=()))
    (row,) = world.look().processes
    assert (row.name, row.uid, row.facts.ppid, row.ended, row.sampled_out) == ("", None, None, True, 1)


def test_facts_are_those_of_the_last_batch() -> None:
    world = Watched()
    first = batch(SECOND_NS, [create(A, 10)])
    world.apply(first)
    renamed = {P: process(P, name="new name", fds=55)}
    world.apply(dataclasses.replace(batch(2 * SECOND_NS), processes=renamed))
    row = rows_by_pid(world.look())[P.pid]
    assert (row.name, row.facts.fds, row.ended) == ("new name", 55, False)
