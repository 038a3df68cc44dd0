"""Below a nested PID namespace, and with --attach census=proc, the census walks /proc and learns addresses from events.

The torture (tests/rungs) tries what programs do with descriptors by the rungs scan-fentry and scan-slab;
test_pid_namespaces.py looks from inside of such a namespace. Here is what both do not reach.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from epolltop.model.event import Kind
from epolltop.model.holding import Descriptor
from epolltop.model.instance import Provenance
from epolltop.model.limits import THREAD_TABLES_UNSEEN
from epolltop.query.story import instance_story
from epolltop.sources.bpf.ladder import ALL
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .observing import Observing, observe
from .reference_census import family

pytestmark = pytest.mark.kernel


@pytest.fixture(name="old", scope="module")
def _old() -> Iterator[Actor]:
    """Was there, with an instance twice, before the probes were."""
    with Actor() as actor:
        actor.do("dup", fd=actor.create())
        yield actor


@pytest.fixture(name="scanning", scope="module")
def _observing(old: Actor) -> Iterator[Observing]:
    with observe(ALL.only("census", "proc")) as observing:
        yield observing


def test_what_was_there_is_found_and_its_end_noticed(scanning: Observing, old: Actor) -> None:
    table = scanning.agrees([old.pid])
    assert len(table) == 1
    instances = scanning.instances(old.pid)
    assert {instance.provenance for instance in instances.values()} == {Provenance.FOUND}
    old.do("close", fds=list(instances))
    row = eventually(lambda: None if scanning.row(old.pid).open else scanning.row(old.pid))
    assert row is not None
    assert (row.created, row.released) == (0, 1)


def test_what_is_created_is_traced_wherever_it_goes(scanning: Observing, actor: Actor) -> None:
    fd = actor.create()
    identity = scanning.instances(actor.pid)[fd].id
    copy = actor.do("dup", fd=fd)["fd"]
    child = actor.do("fork")["pid"]
    # Known by place: if all places of one census were gone in the next, it would be another instance.
    eventually(lambda: scanning.agrees(family(actor.pid)))
    actor.do("close", fds=[fd])
    eventually(lambda: scanning.agrees(family(actor.pid)))
    for pid in (actor.pid, child):
        instance = scanning.instances(pid)[copy]
        assert (instance.id, instance.provenance) == (identity, Provenance.TRACED)
    actor.do("close", fds=[copy])
    actor.child(child, "close_range", first=fd, last=copy)
    eventually(lambda: not scanning.row(child).open)
    assert (scanning.row(actor.pid).created, scanning.row(child).released) == (1, 1)
    (release,) = scanning.events(child, Kind.RELEASE)
    assert release.instance == identity


def test_where_watches_are_counted_it_is_told_whether_the_descriptor_is_closed_on_exec(
    scanning: Observing, actor: Actor
) -> None:
    fd = actor.create()

    def told() -> tuple[bool | None, ...]:
        row = scanning.row(actor.pid)
        (instance,) = row.instances
        scanning.focus = {instance.file: Descriptor(row.key, fd)}
        return instance.cloexec_of(row.key)

    try:
        assert told() == (None,)
        actor.do("set_cloexec", fd=fd, on=True)
        eventually(lambda: told() == (True,), PATIENCE_S)
        actor.do("set_cloexec", fd=fd, on=False)
        eventually(lambda: told() == (False,), PATIENCE_S)
        copy = actor.do("dup", fd=fd)["fd"]
        eventually(lambda: told() == (False, None), PATIENCE_S)
        actor.do("close", fds=[copy])
        eventually(lambda: told() == (False,), PATIENCE_S)
    finally:
        scanning.focus = {}


def test_threads_that_outlive_their_leader_show_what_they_hold(scanning: Observing, actor: Actor) -> None:
    fd = actor.create()
    copy = actor.do("dup", fd=fd)["fd"]
    identity = scanning.instances(actor.pid)[fd].id
    actor.do("outlive_leader", threads=3)
    eventually(lambda: not os.listdir(f"/proc/{actor.pid}/fd"))
    assert scanning.agrees([actor.pid]) == {frozenset({(actor.pid, fd), (actor.pid, copy)})}
    actor.do("close", fds=[fd])
    more = actor.create()
    assert more == fd
    assert scanning.agrees([actor.pid]) == {frozenset({(actor.pid, copy)}), frozenset({(actor.pid, more)})}
    instances = scanning.instances(actor.pid)
    assert instances[copy].id == identity != instances[more].id
    assert {instance.provenance for instance in instances.values()} == {Provenance.TRACED}


def test_what_only_a_thread_with_a_table_of_its_own_holds_is_said_to_be_where_no_census_looks(
    scanning: Observing, actor: Actor
) -> None:
    fd = actor.create()
    identity = scanning.instances(actor.pid)[fd].id
    assert actor.do("own_table_in_thread")["failed"] == 0
    actor.do("close", fds=[fd])
    assert scanning.flies(identity)
    snapshot = scanning.refresh()
    assert THREAD_TABLES_UNSEEN in {limit.id for limit in snapshot.source.limits}
    (instance,) = (each for each in snapshot.unheld if each.id == identity)
    (now,) = (said for label, said in instance_story(instance.key, snapshot) if label == "now")
    assert now.endswith("; or held where no census looks")
