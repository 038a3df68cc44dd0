"""Which descriptors of which processes refer to which instance, compared with /proc and kcmp after each step."""

from __future__ import annotations

import os
import select

import pytest

from epolltop.model.event import Kind
from epolltop.model.holding import Descriptor, Holding
from epolltop.model.instance import Provenance
from epolltop.model.process_selection import Selection
from tests.support.watched import Watched
from tests.waiting import eventually
from tests.workloads.client import Actor

from .namespaces import Contained, cgroup
from .observing import Observing
from .reference_census import family, reference_census, reported_census

pytestmark = pytest.mark.kernel


def test_a_copied_descriptor_is_the_same_instance(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    copy = actor.do("dup", fd=fd)["fd"]
    far = actor.do("dup_to", fd=fd, lowest=900)["fd"]
    assert observing.agrees([actor.pid]) == {frozenset({(actor.pid, fd), (actor.pid, copy), (actor.pid, far)})}
    actor.do("close", fds=[fd, copy])
    row = observing.row(actor.pid)
    assert (row.open, row.created, row.released) == (1, 1, 0)
    assert observing.agrees([actor.pid]) == {frozenset({(actor.pid, far)})}
    actor.do("close", fds=[far])
    row = observing.row(actor.pid)
    assert (row.open, row.created, row.released) == (0, 1, 1)


def test_a_copy_over_another_instance_releases_that_one(observing: Observing, actor: Actor) -> None:
    one, other = actor.create(), actor.create()
    before = observing.instances(actor.pid)
    actor.do("dup2", fd=one, over=other)
    after = observing.instances(actor.pid)
    assert after[one].id == after[other].id == before[one].id
    row = observing.row(actor.pid)
    assert (row.open, row.created, row.released) == (1, 2, 1)
    (release,) = observing.events(actor.pid, Kind.RELEASE)
    assert release.instance == before[other].id
    observing.agrees([actor.pid])


def test_close_range_releases_all_at_once(observing: Observing, actor: Actor) -> None:
    fds = actor.do("hold", count=101)["fds"]
    observing.agrees([actor.pid])
    actor.do("close_range", first=fds[0], last=fds[-2])
    row = observing.row(actor.pid)
    assert (row.open, row.created, row.released) == (1, 101, 100)
    assert observing.agrees([actor.pid]) == {frozenset({(actor.pid, fds[-1])})}


def test_exec_closes_what_is_marked_and_keeps_the_rest(observing: Observing, actor: Actor) -> None:
    kept = actor.create(flags=0)
    closed = actor.create(flags=select.EPOLL_CLOEXEC)
    before = observing.instances(actor.pid)
    actor.do("name", octets=b"before exec".hex())
    assert actor.do("execute")["pid"] == actor.pid
    row = observing.row(actor.pid)
    assert (row.open, row.created, row.released) == (1, 2, 1)
    assert row.instances[0].id == before[kept].id
    (release,) = observing.events(actor.pid, Kind.RELEASE)
    assert release.instance == before[closed].id
    observing.agrees([actor.pid])
    eventually(lambda: observing.row(actor.pid).name.startswith("python"))


def test_close_on_exec_is_known_of_every_descriptor(observing: Observing, actor: Actor) -> None:
    kept, closed = actor.create(flags=0), actor.create(flags=select.EPOLL_CLOEXEC)
    far = actor.do("dup_to", fd=closed, lowest=900)["fd"]  # as dup(2) does it: not closed
    child = actor.do("fork")["pid"]

    def flags(pid: int) -> dict[int, bool | None]:
        held = ((instance, holder) for instance in observing.row(pid).instances for holder in instance.holders)
        mine = (
            (holder.fds, instance.cloexec_of(holder.process)) for instance, holder in held if holder.process.pid == pid
        )
        return {fd: flag for fds, flags in mine for fd, flag in zip(fds, flags, strict=True)}

    assert flags(actor.pid) == flags(child) == {kept: False, closed: True, far: False}
    actor.do("set_cloexec", fd=kept, on=True)
    actor.do("set_cloexec", fd=far, on=True)
    assert flags(actor.pid) == {kept: True, closed: True, far: True}
    assert flags(child) == {kept: False, closed: True, far: False}


def test_the_thread_that_created_an_instance_is_known(observing: Observing, actor: Actor) -> None:
    made = actor.do("create_in_thread", name="a worker")
    instance = observing.instances(actor.pid)[made["fd"]]
    assert instance.thread == (made["tid"], "a worker")
    assert instance.creator is not None
    assert instance.creator.pid == actor.pid != made["tid"]


def test_every_forked_process_is_a_holder(observing: Observing, actor: Actor) -> None:
    fds = actor.do("hold", count=3)["fds"]
    children = [actor.do("fork")["pid"] for _ in range(4)]
    own = actor.child(children[0], "create1", flags=0)["fd"]
    table = observing.agrees(family(actor.pid))
    assert table == {
        *(frozenset((pid, fd) for pid in (actor.pid, *children)) for fd in fds),
        frozenset({(children[0], own)}),
    }
    for instance in observing.row(actor.pid).instances:
        assert [holder.process.pid for holder in instance.holders] == sorted((actor.pid, *children))
        assert instance.creator is not None
        assert instance.creator.pid == actor.pid
    snapshot = observing.refresh()
    mine = {pid: sum(row.created for row in snapshot.processes if row.pid == pid) for pid in (actor.pid, *children)}
    assert mine == {actor.pid: 3, children[0]: 1} | dict.fromkeys(children[1:], 0)


def test_in_flight_is_held_by_nobody_until_it_is_received(observing: Observing, actor: Actor) -> None:
    actor.do("ready_to_send")
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    before = observing.row(actor.pid)
    actor.do("send", fd=fd)
    eventually(lambda: observing.flies(identity))
    assert reported_census(observing.refresh(), [actor.pid]) == frozenset()
    assert observing.row(actor.pid).released == before.released

    received = actor.do("receive")["fd"]
    eventually(lambda: not observing.flies(identity))
    assert observing.instances(actor.pid)[received].id == identity
    observing.agrees([actor.pid])
    assert observing.events(actor.pid, Kind.CREATE, Kind.RELEASE)[-1].kind is Kind.CREATE


def test_dropped_in_flight_is_released_by_who_closed_the_socket(observing: Observing, actor: Actor) -> None:
    actor.do("ready_to_send")
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    before = observing.row(actor.pid)
    actor.do("send", fd=fd)
    eventually(lambda: observing.flies(identity))
    actor.do("drop_sockets")
    eventually(lambda: not observing.flies(identity))
    assert observing.row(actor.pid).released == before.released + 1
    assert observing.events(actor.pid, Kind.RELEASE)[-1].instance == identity


def test_what_the_collector_of_the_kernel_drops_is_charged_to_the_kernel(observing: Observing, actor: Actor) -> None:
    actor.do("ready_to_send")
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    before, by_kernel = observing.row(actor.pid), observing.refresh().totals.released_by_kernel
    actor.do("send_in_circle", fd=fd)

    def collected() -> bool:
        actor.do("collect")
        observing.refresh()
        return any(event.instance == identity for event in observing.releases())

    eventually(collected)
    assert observing.refresh().totals.released_by_kernel > by_kernel
    after = observing.row(actor.pid)
    assert (after.open, after.released) == (before.open - 1, before.released)
    dropped = observing.released(identity)
    assert dropped.by_kernel
    assert dropped.pid != actor.pid


def test_threads_that_outlive_their_leader_hold_each_descriptor_once(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    actor.do("outlive_leader", threads=3)
    eventually(lambda: not os.listdir(f"/proc/{actor.pid}/fd"))
    assert observing.agrees([actor.pid]) == {frozenset({(actor.pid, fd)})}
    more = actor.create()
    assert observing.agrees([actor.pid]) == {frozenset({(actor.pid, fd)}), frozenset({(actor.pid, more)})}
    assert observing.row(actor.pid).created == 2


def test_a_thread_with_a_table_of_its_own_holds_what_it_copied(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    assert actor.do("own_table_in_thread")["failed"] == 0
    assert observing.agrees([actor.pid]) == {frozenset({(actor.pid, fd)})}
    actor.do("close", fds=[fd])
    assert observing.agrees([actor.pid]) == {frozenset({(actor.pid, fd)})}
    row = observing.row(actor.pid)
    assert (row.open, row.released) == (1, 0)


def test_a_process_of_another_pid_namespace_bears_the_pid_that_we_know(observing: Observing) -> None:
    with Contained() as inside:
        inside.create()
        row = observing.row(inside.pid)
        assert (row.created, row.open, row.facts.ppid) == (1, 1, inside.outer)
        assert (inside.ns_pid, row.facts.ns_pid) == (1, 1)
        observing.agrees([inside.pid])
        assert {event.pid for event in observing.events(inside.pid)} == {inside.pid}


def test_a_process_in_a_container_bears_its_id(observing: Observing, actor: Actor) -> None:
    container = "3f2a81d09c" * 6 + "0d4c"
    with cgroup(f"/system.slice/docker-{container}.scope", actor.pid):
        actor.create()
        assert observing.row(actor.pid).facts.container == container


def test_creation_through_the_32_bit_entry_is_found_if_it_is_not_traced(observing: Observing, actor: Actor) -> None:
    fd = actor.do("create_compat")["fd"]
    if fd is None:
        pytest.skip("this kernel has no 32-bit entry")
    observing.agrees([actor.pid])
    instance = observing.instances(actor.pid)[fd]
    assert (instance.provenance is Provenance.TRACED) == observing.batch.source.sees_compat
    actor.do("close", fds=[fd])
    row = observing.row(actor.pid)
    assert row.open == 0
    assert row.released >= 1


def test_watches_are_those_of_the_interest_list(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    instance = observing.instances(actor.pid)[fd]
    assert instance.watches is None
    observing.focus[instance.file] = Descriptor(instance.holders[0].process, fd)
    try:
        assert observing.instances(actor.pid)[fd].watches == 0
        targets = actor.do("watch", fd=fd, count=17)["targets"]
        eventually(lambda: observing.instances(actor.pid)[fd].watches == 17)
        actor.do("close", fds=targets[0])
        eventually(lambda: observing.instances(actor.pid)[fd].watches == 16)
    finally:
        observing.focus.clear()


def test_watches_are_not_those_of_the_next_instance_in_that_place(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    former = observing.instances(actor.pid)[fd]
    observing.focus[former.file] = Descriptor(former.holders[0].process, fd)
    try:
        kept = actor.do("dup", fd=fd)["fd"]
        actor.do("close", fds=[fd])
        assert actor.create() == fd
        actor.do("watch", fd=fd, count=17)
        actor.do("close", fds=[kept])
        observing.refresh()
        assert observing.batch.watches == {}
    finally:
        observing.focus.clear()


def test_a_selected_process_is_all_there_is(observing: Observing, actor: Actor) -> None:
    selected = Watched(Selection(pids=frozenset({actor.pid})), tell_all=True)
    with Actor() as other:
        for who, count in ((actor, 5), (other, 3)):
            who.do("hold", count=count)
            who.do("pairs", count=2)
        child = actor.do("fork")["pid"]
        observing.refresh()
        assert observing.row(other.pid).open == 3
        assert observing.row(child).open == 5
        selected.apply(observing.batch)
        snapshot = selected.look()
    assert [row.pid for row in snapshot.processes] == [actor.pid]
    assert snapshot.open == 5
    assert (snapshot.totals.created, snapshot.totals.released) == (7, 2)
    assert {event.pid for event in snapshot.journal} <= {actor.pid}
    assert len(reported_census(snapshot)) == 5


def test_the_whole_table_agrees_with_proc_and_kcmp(observing: Observing, actor: Actor) -> None:
    for _ in range(3):
        fd = actor.create()
        actor.do("dup", fd=fd)
        actor.do("fork")

    def agree() -> int:
        before = reference_census()
        table = reported_census(observing.refresh())
        after = reference_census()
        # Others on this machine come and go while we look.
        assert not before & after - table, "missing"
        assert not table - before - after, "a ghost"
        return len(table & before & after)

    assert eventually(agree, 20) >= 3


def test_holdings_of_a_process_are_the_same_records_until_they_change(observing: Observing, actor: Actor) -> None:
    def holdings() -> dict[int, Holding]:
        observing.refresh()
        assert observing.batch.census is not None
        return {holding.fd: holding for holding in observing.batch.census.holdings if holding.pid == actor.pid}

    fds = actor.do("hold", count=5)["fds"]
    before = holdings()
    with Actor() as other:
        other.do("hold", count=3)
        now = holdings()
    assert set(fds) == before.keys() == now.keys()
    assert all(now[fd] is before[fd] for fd in fds)
    actor.do("close_range", first=fds[0], last=fds[0])
    assert set(holdings()) == set(fds[1:])
