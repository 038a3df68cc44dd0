"""Releases that no event told: censuses find them."""

from __future__ import annotations

import dataclasses

import pytest

from epolltop.model.event import Kind
from epolltop.model.source import Source
from tests.support.records import A, B, Q, batch, census, create, holding, source
from tests.support.watched import Watched


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
