"""Counts where a probe does not fire: changes between two censuses stand in for them."""

from __future__ import annotations

import dataclasses

from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Kind
from epolltop.model.source import Probe
from epolltop.query.headline import totals_line
from tests.support.records import SECOND_NS, A, B, P, Q, batch, census, create, holding, release, source
from tests.support.watched import Watched, rows_by_pid


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
    rows = rows_by_pid(snapshot)
    assert (rows[P.pid].created, rows[P.pid].released, rows[P.pid].open) == (1, 1, 2)
    assert (rows[Q.pid].created, rows[Q.pid].released) == (1, 0)
    assert [event.kind for event in snapshot.journal] == [Kind.FOUND, Kind.FOUND, Kind.GONE]


def test_where_only_releases_are_not_traced_only_they_are_derived() -> None:
    world = Watched()
    half = source(released=False)
    world.apply(batch(SECOND_NS, [create(A, 10), create(B, 11)], census(20, holding(A, created=10)), by=half))
    world.apply(batch(2 * SECOND_NS, [], census(30), by=half, counts={P: Counts(created=2)}, totals=Totals(created=2)))
    snapshot = world.look()
    row = rows_by_pid(snapshot)[P.pid]
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
