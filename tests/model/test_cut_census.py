"""A census that is cut short refutes nothing that it did not reach, whatever it left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.model import instances
from epolltop.model.event import Kind
from epolltop.model.holding import Census, Holding
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Snapshot
from tests.support.records import A, B, C, P, Q, R, batch, census, create, holding, release, source
from tests.support.watched import Watched

from .test_any_order import FATES, STEPS, Step, _deliver, _run, _table, _truth

CUTS = st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=10)
"""Which holdings of each census are left out, by their places in it."""


def cut(whole: Census, left_out: set[int]) -> Census:
    told = tuple(each for at, each in enumerate(whole.holdings) if at not in left_out)
    untold = [each for at, each in enumerate(whole.holdings) if at in left_out]
    return dataclasses.replace(whole, holdings=told, cut=frozenset(ProcessKey(each.pid, each.start) for each in untold))


def seen(*censuses: Census, exact: bool = True) -> Snapshot:
    world = Watched(tell_all=True)
    for each in censuses:
        world.apply(batch(each.started_ns + 5, (), each, by=source(released=exact)))
    return world.look()


@given(st.sets(st.sampled_from([(A, P, 3), (A, Q, 3), (B, P, 4), (C, R, 3), (C, Q, 9)])), st.sets(st.integers(0, 4)),
       st.booleans())  # fmt: skip
def test_any_cut_leaves_what_was_known(held: set[tuple[int, ProcessKey, int]], left_out: set[int], exact: bool) -> None:
    whole = census(100, *(holding(file, who, fd) for file, who, fd in sorted(held)))
    known = seen(whole, exact=exact)
    after = seen(whole, dataclasses.replace(cut(whole, left_out), started_ns=200), exact=exact)
    assert [(row.key, row.instances) for row in after.processes] == [
        (row.key, row.instances) for row in known.processes
    ]
    assert (after.open, after.unheld, after.news) == (known.open, known.unheld, ())
    assert after.partly_listed == any(at < len(held) for at in left_out)


@settings(max_examples=300)
@given(STEPS, FATES, CUTS, st.booleans())
def test_nothing_that_lives_is_gone_and_a_whole_census_heals(
    steps: list[Step], fates: list[tuple[int, ...]], cuts: list[set[int]], exact: bool
) -> None:
    kernel = _run(steps)
    batches = [dataclasses.replace(one, source=dataclasses.replace(one.source, probes=source(released=exact).probes))
               for one in _deliver(kernel, fates)]  # fmt: skip
    world = Watched(tell_all=True)
    for tick, one in enumerate(batches[:-2]):
        whole = one.census
        assert whole is not None
        world.apply(dataclasses.replace(one, census=cut(whole, cuts[tick % len(cuts)])))
        lives = {(each.file, each.created_ns) for each in whole.holdings}
        snapshot = world.look()
        gone = {(each.file, each.created_ns) for each in snapshot.news if each.kind is Kind.GONE}
        assert not gone & lives
    for one in batches[-2:]:
        world.apply(one)
    snapshot = world.look()
    # Where no probe sees releases, what the census before did not show is found: its birth may be another's.
    told, truth = ({(file, created if exact else None, key) for file, created, key in each}
                   for each in (_table(snapshot), _truth(kernel)))  # fmt: skip
    assert told == truth
    assert not snapshot.partly_listed
    assert snapshot.in_flight <= sum(not file.holders for file in kernel.files.values()), "a ghost"


def test_a_descriptor_that_is_not_reached_stays_beside_one_that_is() -> None:
    whole = census(100, holding(A, P, 3), holding(A, P, 7), holding(A, Q, 3))
    (row, _) = seen(whole, dataclasses.replace(census(200, holding(A, P, 3)), cut=frozenset({P, Q}))).processes
    assert row.instances[0].fds_of(P) == (3, 7)
    assert row.instances[0].fds_of(Q) == (3,)


def test_whoever_is_told_whole_holds_no_more_than_that() -> None:
    whole = census(100, holding(A, P), holding(A, Q), holding(B, R))
    after = seen(whole, dataclasses.replace(census(200, holding(B, R)), cut=frozenset({Q})))
    assert [(row.key, row.partly_listed) for row in after.processes] == [(Q, True), (R, False)]


def lots(number: int, start: int = 1) -> Sequence[Holding]:
    return [holding(start + at, P, at) for at in range(number)]


def test_what_cuts_leave_uncertain_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "UNCERTAIN_MAX", 5)
    after = seen(census(100, *lots(20)), dataclasses.replace(census(200, *lots(2)), cut=frozenset({P})))
    assert after.open == 2 + 5
    assert after.partly_listed
    assert after.news == (), "what is forgotten is not said to be gone"
    back = seen(
        census(100, *lots(20)), dataclasses.replace(census(200, *lots(2)), cut=frozenset({P})), census(300, *lots(20))
    )
    assert (back.open, back.partly_listed) == (20, False)


def test_creations_without_room_wait_for_the_next_census(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "LIVE_MAX", 3)
    world = Watched(tell_all=True)
    world.apply(batch(50, (), census(10)))
    world.apply(batch(150, [create(file, 100 + file, P, file) for file in range(1, 6)]))
    snapshot = world.look()
    assert (snapshot.open, snapshot.partly_listed) == (3, True)
    assert snapshot.processes[0].partly_listed
    held = [holding(file, P, file, created=100 + file) for file in range(2, 6)]
    world.apply(batch(300, [release(1, 180, 101)], census(200, *held)))
    snapshot = world.look()
    assert (snapshot.open, snapshot.partly_listed) == (4, False)
    assert {each.kind for each in snapshot.news} == {Kind.RELEASE}


def test_holders_that_stay_are_not_made_anew() -> None:
    many = [ProcessKey(pid, pid) for pid in range(1, 50)]
    world = Watched(tell_all=True)
    world.apply(batch(105, (), census(100, *(holding(A, who) for who in many))))
    before = world.look().processes[0].instances[0].holders
    world.apply(batch(205, (), census(200, *(holding(A, who) for who in (*many[1:], R)))))
    (instance,) = world.look().processes[0].instances
    assert [each.process for each in instance.holders] == [*many[1:], R]
    assert all(now is then for now, then in zip(instance.holders, before[1:], strict=False))
