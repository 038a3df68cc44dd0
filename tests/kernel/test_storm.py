"""Above the rate told in detail: events are left out or lost, and shown as such; counts and table stay right."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from epolltop.model.event import Kind
from epolltop.model.instance import Provenance
from epolltop.sources.bpf.sizes import SIZES, Sizes
from tests.waiting import eventually
from tests.workloads.client import Actor

from .observing import observe
from .reference_census import reference_census, reported_census

pytestmark = [pytest.mark.kernel, pytest.mark.alone]


@pytest.mark.parametrize("detail_per_s", [SIZES.detail_per_s, 2_000])
def test_two_storms_at_once_are_counted_exactly(detail_per_s: int) -> None:
    # A slow or busy machine may stay below the usual rate, but not below the other one.
    with observe(sizes=Sizes(detail_per_s=detail_per_s)) as observing, Actor() as actor, Actor() as other:
        sizes = {actor: 100_003, other: 99_991}
        kept = {who: who.do("hold", count=13)["fds"] for who in sizes}
        for who, size in sizes.items():
            who.begin("pairs", count=size)
        # Read meanwhile: on a slow machine more events come than are kept for one who does not.
        observing.until(lambda _: all(who.answered() for who in sizes), 60)
        for who in sizes:
            who.answer()

        def healed() -> bool:
            snapshot = observing.refresh()
            rows = {row.pid: row for row in snapshot.processes}
            for who, size in sizes.items():
                row = rows[who.pid]
                assert (row.created, row.failed, row.open) == (size + 13, 0, 13)
                assert reported_census(snapshot, [who.pid]) == reference_census([who.pid])
                assert {fd for one in row.instances for fd in one.fds_of(row.key)} == set(kept[who])
            return True

        eventually(healed)
        observing.released_all({who.pid: size for who, size in sizes.items()})
        for who in sizes:
            row = observing.row(who.pid)
            shown = observing.batch.source
            creations = {event.instance for event in observing.events(who.pid, Kind.CREATE)}
            missing = row.created - row.sampled_out - len(creations)
            assert 0 <= missing <= shown.lost
            assert row.sampled_out <= shown.sampled_out
            if detail_per_s == 2_000:
                assert row.sampled_out > 0
            if shown.lost == 0:
                # What is left out is left out whole: a creation that is told has its release told.
                releases = {event.instance for event in observing.releases()}
                assert {event.instance for event in observing.events(who.pid, Kind.RELEASE)} <= creations
                assert creations - releases == {one.id for one in row.instances} & creations


def test_a_census_in_the_middle_of_a_storm_takes_no_release_away(tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    with observe() as observing, Actor() as actor:
        actor.begin("churn_until_told", path=str(stop))
        deadline = time.monotonic() + 5
        try:
            eventually(lambda: observing.row(actor.pid))
            for _ in range(200):
                row = observing.row(actor.pid)
                # One is alive, and some may come and go while the two numbers are read.
                behind = row.created - row.released
                assert behind < 10 or behind <= 10 + observing.charged_elsewhere(actor.pid)
                if time.monotonic() > deadline:
                    break
        finally:
            stop.touch()
            count = actor.answer()["count"]
        row = observing.row(actor.pid)
        assert (row.created, row.open) == (count, 0)
        observing.released_all({actor.pid: count})


def test_many_at_once_are_all_there_although_not_all_were_told() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 17_100, "too few descriptors allowed"
    with observe(sizes=Sizes(detail_per_s=2_000)) as observing, Actor() as actor:
        fds = actor.do("hold", count=17_011)["fds"]
        row = observing.row(actor.pid)
        assert (row.created, row.released, row.open) == (17_011, 0, 17_011)
        assert row.sampled_out > 0
        assert {instance.provenance for instance in row.instances} == {Provenance.TRACED}
        assert len({instance.id for instance in row.instances}) == 17_011
        assert {(instance.argument, instance.watches) for instance in row.instances} == {(0, None)}
        assert {fd for instance in row.instances for fd in instance.fds_of(row.key)} == set(fds)

        actor.do("close_range", first=min(fds), last=max(fds))
        row = observing.row(actor.pid)
        assert row.created == 17_011
        observing.released_all({actor.pid: 17_011})
        observing.until(lambda now: not reported_census(now, [actor.pid]))


def test_what_a_small_buffer_loses_is_shown_and_heals() -> None:
    with observe(sizes=Sizes(pages_per_cpu=8)) as observing, Actor() as actor:
        kept = actor.do("hold", count=4_001)["fds"]
        actor.do("pairs", count=30_011)
        actor.do("close_range", first=kept[1], last=kept[-1])

        def healed() -> bool:
            snapshot = observing.refresh()
            row = next(row for row in snapshot.processes if row.pid == actor.pid)
            assert (row.created, row.open) == (34_012, 1)
            assert (
                reported_census(snapshot, [actor.pid])
                == reference_census([actor.pid])
                == {frozenset({(actor.pid, kept[0])})}
            )
            return True

        eventually(healed)
        observing.released_all({actor.pid: 34_011})
        lost = observing.batch.source.lost
        assert lost > 0
        row = observing.row(actor.pid)
        told_of = observing.events(actor.pid, Kind.CREATE, Kind.RELEASE)
        creations = sum(event.kind is Kind.CREATE for event in told_of)
        assert creations < row.created - row.sampled_out <= creations + lost
        # Thousands, if what was released without an event were taken to be in flight.
        assert observing.refresh().in_flight < 100
