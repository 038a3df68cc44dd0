"""What could not be counted: whose counts are lower bounds, and who is counted wholly all the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.model.counts import Counts, Totals
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import notes, totals_line
from epolltop.query.losses import is_lossy
from tests.support.records import SECOND_NS, A, P, Q, batch, census, create, holding, process, source
from tests.support.watched import Watched

FULL = source(overflowed=2, unattributed=2)
LATER = ProcessKey(400, 10_000)
"""Started a hundred seconds after boot."""


def _bounded(snapshot: Snapshot) -> dict[int, bool]:
    return {row.pid: row.lacking for row in snapshot.processes}


def _now(world: Watched) -> Snapshot:
    return world.look()


def test_nobody_is_in_doubt_while_there_is_room() -> None:
    world = Watched()
    world.apply(batch(20 * SECOND_NS, [], census(10, holding(A)), counts={Q: Counts(1)}))
    assert _bounded(_now(world)) == {P.pid: False, Q.pid: False}


def test_who_had_an_entry_before_is_counted_wholly() -> None:
    world = Watched()
    world.apply(batch(20 * SECOND_NS, [], counts={P: Counts(1)}))
    world.apply(batch(21 * SECOND_NS, [], census(20 * SECOND_NS, holding(A, Q)), counts={P: Counts(5)}, by=FULL))
    snapshot = _now(world)
    assert _bounded(snapshot) == {P.pid: False, Q.pid: True}
    held = snapshot.row_of(Q)
    assert held is not None
    assert (held.known(held.created), held.known(held.create_per_s)) == (None, None)


def test_who_gets_an_entry_later_may_have_been_refused_one_before() -> None:
    world = Watched()
    world.apply(batch(20 * SECOND_NS, []))
    world.apply(batch(21 * SECOND_NS, [], by=FULL))
    world.apply(batch(22 * SECOND_NS, [], counts={Q: Counts(7)}, by=FULL))
    snapshot = _now(world)
    assert _bounded(snapshot) == {Q.pid: True}
    row = snapshot.row_of(Q)
    assert row is not None
    assert (row.known(row.created), row.known(row.released)) == (7, None)


def test_who_came_when_there_was_room_again_is_counted_wholly() -> None:
    world = Watched()
    world.apply(batch(20 * SECOND_NS, [], by=FULL))
    world.apply(batch(101 * SECOND_NS, [], census(100 * SECOND_NS, holding(A, LATER)), by=FULL))
    assert _bounded(_now(world)) == {LATER.pid: False}
    world.apply(batch(102 * SECOND_NS, [], counts={LATER: Counts(3)}, by=FULL))
    assert _bounded(_now(world)) == {LATER.pid: False}
    # Full again: it has its entry.
    again = source(overflowed=3, unattributed=3)
    world.apply(batch(103 * SECOND_NS, [], counts={LATER: Counts(4)}, by=again))
    assert _bounded(_now(world)) == {LATER.pid: False}


@pytest.mark.parametrize("selection", [Selection(), Selection(pids=frozenset({P.pid}))])
def test_totals_of_some_processes_are_lower_bounds_then(selection: Selection) -> None:
    world = Watched(selection)
    world.apply(batch(20 * SECOND_NS, []))
    assert _now(world).exact
    world.apply(batch(21 * SECOND_NS, [], counts={P: Counts(5)}, totals=Totals(created=7), by=FULL))
    snapshot = _now(world)
    assert snapshot.totals.created == (5 if selection.pids else 7)
    assert snapshot.exact == (not selection.pids)


@pytest.mark.parametrize(("chosen", "exact"), [((), False), ((P.pid, Q.pid), False), ((Q.pid,), True)])
def test_a_32_bit_program_leaves_in_doubt_the_totals_that_it_is_part_of(chosen: tuple[int, ...], exact: bool) -> None:
    world = Watched(Selection(pids=frozenset(chosen)))
    blind = replace(source(), sees_compat=False)
    at_first = batch(20 * SECOND_NS, [], by=blind)
    world.apply(replace(at_first, processes={P: process(P, compat=True), Q: process(Q)}))
    assert _now(world).exact == exact
    # It has ended, but its part in the totals stays.
    world.apply(batch(21 * SECOND_NS, [], alive=(Q,), by=blind))
    assert _now(world).exact == exact


def test_a_copy_learns_by_itself() -> None:
    world = Watched()
    world.apply(batch(20 * SECOND_NS, [create(A, 10)]))
    copy = world.copy()
    copy.apply(batch(21 * SECOND_NS, [], by=FULL))
    world.apply(batch(21 * SECOND_NS, []))
    assert _bounded(_now(copy)) == {P.pid: True}
    assert _bounded(_now(world)) == {P.pid: False}


def test_runs_of_probes_that_the_kernel_left_out_are_in_no_total() -> None:
    world = Watched()
    world.apply(batch(20 * SECOND_NS, [], census(10, holding(A)), by=replace(source(), missed=3)))
    snapshot = _now(world)
    assert not snapshot.exact
    assert notes(snapshot) == ("the kernel skipped 3 runs of probes: counts may lack as many calls (≥)",)
    assert "created ≥0" in totals_line(snapshot)
    assert is_lossy(snapshot)


def test_who_released_what_nobody_saw_created_may_have_been_a_32_bit_program() -> None:
    world = Watched()
    blind = replace(source(), sees_compat=False)
    world.apply(batch(20 * SECOND_NS, [], alive=(P,), counts={P: Counts(), Q: Counts(created=2, released=2)}, by=blind))
    brief = ProcessKey(401, 10_000)
    counts = {P: Counts(1), Q: Counts(created=2, released=2), brief: Counts(created=0, released=3)}
    world.apply(batch(21 * SECOND_NS, [], alive=(P,), counts=counts, by=blind))
    snapshot = _now(world)
    assert _bounded(snapshot) == {P.pid: False, Q.pid: False, brief.pid: True}
    assert (snapshot.exact, notes(snapshot)) == (True, ()), "it may as well have inherited what it released"
