"""Who holds more descriptors than a census may tell hides nobody else, and nothing of what is known is lost by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from epolltop.model.event import Kind
from epolltop.model.limits import CENSUS_CUT
from epolltop.sources.bpf.census import IteratorCensus
from epolltop.sources.bpf.ladder import ALL
from tests.workloads.client import Actor

from .observing import Observing, observe

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

ROOM = 1_500
"""Of which others on this machine need a part."""


@pytest.fixture(name="narrow")
def _narrow() -> Iterator[Observing]:
    """Takes censuses of so many descriptors at most."""
    census = {"iterator": lambda program, _: IteratorCensus(program, ROOM)}
    with observe(replace(ALL, census=census)) as observing:
        yield observing


def told(observing: Observing, *pids: int) -> int:
    """Descriptors of processes in the last census."""
    assert observing.batch.census is not None
    return sum(each.pid in pids for each in observing.batch.census.holdings)


def test_a_table_that_its_leader_left_is_told_once(observing: Observing, actor: Actor) -> None:
    actor.do("hold", count=200)
    actor.do("outlive_leader", threads=20)
    assert observing.row(actor.pid).open == 200
    assert told(observing, actor.pid) == 200


def test_a_table_that_a_thread_has_for_itself_is_told_beside_the_one_its_leader_left(
    observing: Observing, actor: Actor
) -> None:
    actor.do("hold", count=20)
    assert actor.do("own_table_in_thread")["failed"] == 0
    fd = actor.create()
    actor.do("outlive_leader", threads=5)
    assert sorted(observing.instances(actor.pid))[-1] == fd
    assert told(observing, actor.pid) == 20 + 21


def test_one_hoarder_hides_nobody(narrow: Observing, actor: Actor) -> None:
    actor.do("hold", count=2 * ROOM)
    with Actor() as other:
        fds = [other.create() for _ in range(3)]
        child = other.do("fork")["pid"]
        narrow.refresh()
        snapshot = narrow.refresh()
        assert told(narrow, other.pid, child) == 6
        assert 0 < told(narrow, actor.pid) < ROOM
        rows = {row.pid: row for row in snapshot.processes}
        assert [rows[pid].partly_listed for pid in (actor.pid, other.pid, child)] == [True, False, False]
        assert sorted(narrow.instances(other.pid)) == fds
        assert rows[actor.pid].created == 2 * ROOM, "counts are not concerned"
        cut = CENSUS_CUT, (("descriptors", ROOM), ("pid", actor.pid))
        # Another test on this machine may hold more for a while.
        narrow.until(lambda now: cut in [(each.id, each.evidence[:2]) for each in now.source.limits], within_s=60)
        assert not narrow.events(actor.pid, Kind.GONE)


def test_what_is_inherited_by_many_is_shared_out_and_back_when_they_end(narrow: Observing, actor: Actor) -> None:
    fds = actor.do("hold", count=400)["fds"]
    known = {instance.id for instance in narrow.instances(actor.pid).values()}
    children = [actor.do("fork")["pid"] for _ in range(8)]
    narrow.refresh()
    narrow.refresh()
    each = [told(narrow, pid) for pid in (actor.pid, *children)]
    assert max(each) - min(each) <= 2
    assert {instance.id for instance in narrow.instances(actor.pid).values()} == known
    for pid in reversed(children):  # later ones have inherited what the earlier are told by
        actor.do("reap", pid=pid)
    narrow.until(lambda now: not any(row.partly_listed for row in now.processes if row.pid == actor.pid))
    assert told(narrow, actor.pid) == len(fds)
    assert {instance.id for instance in narrow.instances(actor.pid).values()} == known
    assert not narrow.events(actor.pid, Kind.GONE, Kind.FOUND)
    actor.do("close", fds=fds)
    narrow.until(lambda now: all(row.open == 0 for row in now.processes if row.pid == actor.pid))
