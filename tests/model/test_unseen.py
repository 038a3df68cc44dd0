"""Creations that no probe saw: what is known of them, and what is none of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from epolltop.model.batch import Batch
from epolltop.model.counts import Totals
from epolltop.model.event import Event
from epolltop.model.holding import Census
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import notes, totals_line
from tests.support.records import SECOND_NS, A, B, C, P, Q, R, batch, census, create, holding, release, source
from tests.support.watched import Watched


def _tick(second: int, events: Iterable[Event] = (), taken: Census | None = None) -> Batch:
    return batch(second * SECOND_NS, events, taken or census(second * SECOND_NS - 10))


def _world(*batches: Batch, selection: Selection | None = None) -> Watched:
    world = Watched(selection)
    for each in batches:
        world.apply(each)
    return world


def _found() -> Watched:
    """One whose second census finds an instance without a birth."""
    return _world(_tick(1), _tick(2, [], census(2 * SECOND_NS - 10, holding(A))))


def _shown(world: Watched) -> Snapshot:
    return world.look()


def test_the_end_of_what_no_census_met_was_a_creation_that_nobody_saw() -> None:
    world = _world(
        _tick(1),
        _tick(
            2, [release(A, 2 * SECOND_NS - 50), release(A, 2 * SECOND_NS - 40), release(B, 2 * SECOND_NS - 30, who=Q)]
        ),
    )
    snapshot = _shown(world)
    assert (snapshot.unseen, snapshot.exact) == (3, False)
    assert "created ≥0" in totals_line(snapshot)
    assert notes(snapshot)[0].startswith("no probe saw the creation of 3 instances (≥, ?): 32-bit calls made them")
    world = _world(_tick(1), _tick(2, [release(B, 2 * SECOND_NS - 30, who=Q)]), selection=Selection(frozenset({P.pid})))
    assert (_shown(world).unseen, _shown(world).exact) == (0, True), "it is another's"


def test_what_a_later_census_finds_is_counted_once() -> None:
    world = _found()
    assert (_shown(world).unseen, _shown(world).exact) == (0, True), "its birth may be noted in a moment"
    world.apply(_tick(3, [], census(3 * SECOND_NS - 10, holding(A))))
    snapshot = _shown(world)
    assert (snapshot.unseen, snapshot.exact) == (1, False)
    assert {row.pid: row.lacking for row in snapshot.processes} == {P.pid: True}
    world.apply(_tick(4, [release(A, 4 * SECOND_NS - 50)]))
    assert _shown(world).unseen == 1


def test_what_a_census_finds_and_a_release_without_a_birth_ends_is_counted_once() -> None:
    world = _found()
    world.apply(_tick(3, [release(A, 3 * SECOND_NS - 50)]))
    assert _shown(world).unseen == 1
    world.apply(_tick(4))
    assert _shown(world).unseen == 1


@pytest.mark.parametrize(
    "next_",
    [
        _tick(3, [create(A, 2 * SECOND_NS - 5)], census(3 * SECOND_NS - 10, holding(A, created=2 * SECOND_NS - 5))),
        _tick(3, [], census(3 * SECOND_NS - 10, holding(A, created=2 * SECOND_NS - 5))),
        _tick(3, [release(A, 3 * SECOND_NS - 50, created=2 * SECOND_NS - 5)]),
    ],
    ids=["its event comes", "its event is lost", "it is over"],
)
def test_what_a_census_finds_before_its_birth_is_noted_was_seen(next_: Batch) -> None:
    world = _found()
    world.apply(next_)
    world.apply(_tick(4))
    assert (_shown(world).unseen, _shown(world).exact) == (0, True)


@pytest.mark.parametrize("at", [SECOND_NS // 2, 2 * SECOND_NS - 50])
def test_what_is_older_than_the_trace_is_none(at: int) -> None:
    """Whether it ended before the first census could meet it, or later."""
    first = _tick(1, [release(B, at)] if at < SECOND_NS else [], census(SECOND_NS - 10, holding(A)))
    world = _world(first, _tick(2, [release(A, 2 * SECOND_NS - 40)]))
    assert (_shown(world).unseen, _shown(world).exact) == (0, True)


def test_what_a_thread_of_the_kernel_drops_may_have_been_in_flight_before() -> None:
    world = _world(_tick(1), _tick(2, [release(A, 2 * SECOND_NS - 50)._replace(by_kernel=True)]))
    assert _shown(world).unseen == 0


def test_what_was_closed_before_its_call_returned_was_counted() -> None:
    world = _world(_tick(1), _tick(2, [release(A, 2 * SECOND_NS - 50), create(0, 2 * SECOND_NS - 40)]))
    assert (_shown(world).unseen, _shown(world).exact) == (0, True)


def test_a_release_that_comes_after_a_census_showed_it_is_no_sign() -> None:
    lossy = replace(_tick(2), source=source(lost=1))
    late = release(A, 2 * SECOND_NS - 50)
    world = _world(
        _tick(1, [], census(SECOND_NS - 10, holding(A))), lossy, replace(_tick(3, [late]), source=source(lost=1))
    )
    assert _shown(world).unseen == 0
    world = _world(
        _tick(1, [], census(SECOND_NS - 10, holding(A))),
        _tick(2, [create(A, 2 * SECOND_NS - 40)], census(2 * SECOND_NS - 10, holding(A, created=2 * SECOND_NS - 40))),
        _tick(3, [late], census(3 * SECOND_NS - 10, holding(A, created=2 * SECOND_NS - 40))),
    )
    assert _shown(world).unseen == 0, "its successor is there already"


def test_where_births_found_no_room_or_bear_no_address_nothing_can_be_told() -> None:
    full = replace(_tick(2, [release(A, 2 * SECOND_NS - 50)]), source=source(overflowed=1))
    assert _shown(_world(_tick(1), full)).unseen == 0
    found = _found()
    found.apply(replace(_tick(3, [], census(3 * SECOND_NS - 10, holding(A))), source=source(overflowed=1)))
    assert _shown(found).unseen == 0
    by_number = [_tick(second, [], census(second * SECOND_NS - 10, by_address=False)) for second in (1, 2)]
    assert _shown(_world(*by_number, _tick(3, [release(A, 3 * SECOND_NS - 50)]))).unseen == 0


def test_what_a_cut_census_did_not_show_may_be_older() -> None:
    first = replace(census(SECOND_NS - 10, holding(A)), cut=frozenset({P}))
    later = census(2 * SECOND_NS - 10, holding(A), holding(B, fd=4))
    world = _world(_tick(1, [], first), _tick(2, [release(C, 2 * SECOND_NS - 50)], later))
    assert _shown(world).unseen == 0
    world.apply(_tick(3, [release(C, 3 * SECOND_NS - 50)], later))
    assert _shown(world).unseen == 1, "that one was whole"


def test_they_stay_in_the_totals_when_their_process_is_forgotten() -> None:
    world = _world(_tick(1), _tick(2, [release(A, 2 * SECOND_NS - 50, who=R)]))
    copy = world.copy()
    copy.apply(_tick(3, [release(A, 3 * SECOND_NS - 50, who=R)]))
    for second in (4, 5, 6):
        world.apply(replace(_tick(second), processes={}, totals=Totals(released=1)))
        world.begin_window()
    assert (_shown(world).unseen, _shown(world).exact) == (1, False)
    assert _shown(copy).unseen == 2
