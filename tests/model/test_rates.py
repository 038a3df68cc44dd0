"""Rates of rows and totals, since a mark."""

from __future__ import annotations

from epolltop.model.counts import Counts, Totals
from tests.support.records import SECOND_NS, A, P, batch, census, holding
from tests.support.watched import Watched, rows_by_pid


def test_rates_are_taken_since_the_mark_and_counts_since_the_start() -> None:
    world = Watched()
    world.apply(batch(SECOND_NS, counts={P: Counts(10, 0, 4)}, totals=Totals(10, 0, 4), cpu_ns=SECOND_NS))
    mark = world.begin_window()
    world.apply(batch(3 * SECOND_NS, counts={P: Counts(16, 0, 4)}, totals=Totals(16, 0, 4), cpu_ns=2 * SECOND_NS))
    snapshot = world.look(mark)
    row = rows_by_pid(snapshot)[P.pid]
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
        row = rows_by_pid(world.look(mark))[P.pid]
        assert (row.created, row.failed, row.released) == counts
        rates.append((row.create_per_s, row.release_per_s))
        mark = world.begin_window()
    assert rates[1:] == [(3, 1), (1, 0), (0, 0), (6, 5), (6, 4)]


def test_before_anything_was_observed_there_are_no_rates() -> None:
    world = Watched()
    world.apply(batch(0, [], census(0, holding(A))))
    snapshot = world.look(world.begin_window())
    assert (snapshot.window_s, snapshot.create_per_s, snapshot.processes[0].create_per_s) == (0.0, 0.0, 0.0)
