"""docs/events/epoll_found.md and epoll_gone.md: each statement against the running kernel."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from epolltop.model.event import Event, Kind
from epolltop.model.instance import Provenance
from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.bpf.sizes import Sizes
from tests.docs.pages import Proofs
from tests.waiting import eventually
from tests.workloads.client import Actor

from .observing import Observing, observe, observe_by_proc

pytestmark = pytest.mark.kernel

FOUND = Proofs("epoll_found", ("Description",), ("Issues",))
GONE = Proofs("epoll_gone", ("Description",), ("Issues",))


@pytest.fixture(name="by_proc")
def _by_proc(actor: Actor) -> Iterator[Observing]:
    """Has looked once, at an actor that has no instance."""
    actor.do("ready_to_send")
    with observe_by_proc() as observing:
        observing.refresh()
        yield observing


def kinds(observing: Observing, pid: int) -> list[Kind]:
    return [event.kind for event in observing.events(pid)]


def census_began_ns(observing: Observing) -> int:
    assert observing.batch.census is not None
    return observing.batch.census.started_ns


def nobody_acted(event: Event) -> bool:
    return (event.tid, event.ppid, event.uid, event.cgroup, event.name) == (0, 0, None, 0, "")


@FOUND("An instance in the first census causes no event: it existed before epolltop looked.")
@pytest.mark.parametrize("looking", [observe, observe_by_proc])
def test_the_first_census_is_no_event(actor: Actor, looking: Callable[[], AbstractContextManager[Observing]]) -> None:
    fd = actor.create()
    with looking() as observing:
        assert sorted(observing.instances(actor.pid)) == [fd]
        observing.refresh()
        assert observing.events(actor.pid) == []


@FOUND(
    "An instance in a later census that no event announced is reported once.",
    "With `--source proc` there are no probes: every instance that is in one census, but not in the census "
    "before, is found.",
    "The time of the event is the start of that census; the time of the creation is not known.",
)
def test_what_appears_in_proc_is_found_once(by_proc: Observing, actor: Actor) -> None:
    fds = [actor.create(), actor.do("create_legacy", size=1)["fd"]]
    created_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    by_proc.refresh()
    began_ns = census_began_ns(by_proc)
    by_proc.refresh()
    found = by_proc.events(actor.pid)
    assert [(event.kind, event.fd) for event in found] == [(Kind.FOUND, fd) for fd in fds]
    assert {(event.time_ns, event.created_ns) for event in found} == {(began_ns, 0)}
    assert began_ns >= created_ns


@FOUND(
    "With BPF, it is an instance that a 32-bit call created, if the probe `epoll_create` is a syscall tracepoint.",
    "The instances of a 32-bit program are found, but not counted as created.",
)
def test_what_a_32_bit_program_created_is_found(observing: Observing, actor: Actor) -> None:
    observing.refresh()
    attached_to = observing.batch.source.probes[0].attached_to
    if not attached_to.startswith("tracepoint:"):
        pytest.skip(f"here epoll_create is attached to {attached_to}")
    fd = actor.do("create_compat")["fd"]
    if fd is None:
        pytest.skip("this kernel has no 32-bit entry")
    row = observing.row(actor.pid)
    assert (row.open, row.created) == (1, 0)
    (found,) = observing.events(actor.pid)
    assert (found.kind, found.fd, nobody_acted(found)) == (Kind.FOUND, fd, True)
    observing.refresh()
    assert observing.events(actor.pid) == [found]


@FOUND("The event names the holder with the lowest process id, and its lowest descriptor; the creator is not known.")
@GONE(
    "The event names the first of its last holders, and a descriptor of that holder; it does not tell who dropped "
    "the last reference.",
)
def test_the_first_holder_is_named(by_proc: Observing, actor: Actor) -> None:
    fd = actor.create()
    high = actor.do("dup_to", fd=fd, lowest=500)["fd"]
    child: int = actor.do("fork")["pid"]
    by_proc.refresh()
    first = min(actor.pid, child)
    (found,) = [*by_proc.events(actor.pid), *by_proc.events(child)]
    assert (found.kind, found.pid, found.fd, nobody_acted(found)) == (Kind.FOUND, first, fd, True)

    actor.do("close", fds=[fd])
    actor.child(child, "close", fds=[fd])
    by_proc.refresh()
    actor.do("close", fds=[high])
    actor.child(child, "close", fds=[high])
    by_proc.refresh()
    gone = [event for event in [*by_proc.events(actor.pid), *by_proc.events(child)] if event.kind is Kind.GONE]
    assert [(event.pid, event.fd, nobody_acted(event)) for event in gone] == [(first, high, True)]


@FOUND("An instance that comes and goes between two censuses is never found.")
@GONE("An instance that came and went between two censuses is never gone, because it was never found.")
def test_between_two_looks(by_proc: Observing, actor: Actor) -> None:
    actor.do("pairs", count=10)
    by_proc.refresh()
    by_proc.refresh()
    assert by_proc.events(actor.pid) == []


@FOUND("If only a descriptor in flight refers to an instance, it is not found, because no process shows it.")
@GONE("With `--source proc`, an instance in flight is gone although it is alive, because no process shows it.")
def test_in_flight_by_proc(by_proc: Observing, actor: Actor) -> None:
    actor.do("send", fd=actor.create())
    by_proc.refresh()
    assert kinds(by_proc, actor.pid) == []
    fd = actor.do("receive")["fd"]
    by_proc.refresh()
    assert kinds(by_proc, actor.pid) == [Kind.FOUND]

    actor.do("send", fd=fd)
    by_proc.refresh()
    assert kinds(by_proc, actor.pid) == [Kind.FOUND, Kind.GONE]
    fd = actor.do("receive")["fd"]
    assert os.readlink(f"/proc/{actor.pid}/fd/{fd}") == "anon_inode:[eventpoll]"


@GONE(
    "With `--source proc` there are no probes: every instance that is no longer in the census is gone.",
    "The time of the event is the start of the first census without the instance; the release was before that.",
)
def test_what_vanishes_from_proc_is_gone(by_proc: Observing, actor: Actor) -> None:
    fds = [actor.create() for _ in range(3)]
    by_proc.refresh()
    actor.do("close", fds=fds)
    closed_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    by_proc.refresh()
    began_ns = census_began_ns(by_proc)
    by_proc.refresh()
    found, gone = by_proc.events(actor.pid, Kind.FOUND), by_proc.events(actor.pid, Kind.GONE)
    assert kinds(by_proc, actor.pid) == [Kind.FOUND] * 3 + [Kind.GONE] * 3
    assert {event.instance for event in gone} == {event.instance for event in found}
    assert {event.time_ns for event in gone} == {began_ns}
    assert closed_ns <= began_ns


@GONE("With BPF, it is reported if no hook for `files_free` works.")
def test_gone_where_no_hook_holds(actor: Actor) -> None:
    with observe(ALL.only("files_free", "census")) as observing:
        observing.refresh()
        fd = actor.create()
        observing.refresh()
        actor.do("close", fds=[fd])
        observing.until(lambda _: len(observing.events(actor.pid)) > 1)
        created, gone = observing.events(actor.pid)
    assert (created.kind, gone.kind) == (Kind.CREATE, Kind.GONE)
    assert (gone.instance, gone.created_ns) == (created.instance, created.time_ns)


@FOUND(
    "An instance whose creation event was lost is not found: the probe still recorded its creation, so the census "
    "knows it as traced.",
)
def test_a_lost_creation_is_not_found(actor: Actor) -> None:
    with observe(sizes=Sizes(pages_per_cpu=8)) as observing:
        observing.refresh()
        fds = actor.do("hold", count=4_000)["fds"]
        instances = observing.instances(actor.pid)
        assert observing.batch.source.lost > 0
        assert set(kinds(observing, actor.pid)) == {Kind.CREATE}
        assert len(kinds(observing, actor.pid)) < len(fds)
        assert {fd: instances[fd].provenance for fd in fds} == dict.fromkeys(fds, Provenance.TRACED)


@GONE("If the creation of an instance was reported and its release event was lost, the next census reports it as gone.")
def test_a_lost_release_is_gone(actor: Actor) -> None:
    with observe(sizes=Sizes(pages_per_cpu=8)) as observing:
        fds: list[int] = []
        while len(fds) < 4_000:  # slowly enough that no creation is lost
            fds += actor.do("hold", count=100)["fds"]
            observing.refresh()
        created = {event.instance for event in observing.events(actor.pid, Kind.CREATE)}
        actor.do("close_range", first=fds[0], last=fds[-1])
        observing.until(lambda now: all(row.open == 0 for row in now.processes if row.pid == actor.pid))
        assert observing.batch.source.lost > 0
        released, gone = (
            {event.instance for event in observing.events(actor.pid, kind)} for kind in (Kind.RELEASE, Kind.GONE)
        )
    assert gone
    assert not released & gone
    assert gone <= created


@GONE(
    "With BPF, it is also reported if the census walks `/proc` and the creation of the instance was not seen: "
    "epolltop does not know its address, so it cannot match the release.",
)
def test_gone_where_the_census_walks_proc(actor: Actor) -> None:
    fd = actor.create()
    with observe(ALL.only("census", "proc")) as observing:
        old = observing.instances(actor.pid)[fd].id
        new = actor.create()
        traced = observing.instances(actor.pid)[new].id
        actor.do("close", fds=[fd, new])
        observing.until(lambda _: Kind.GONE in kinds(observing, actor.pid))
        observing.refresh()
        told = observing.events(actor.pid)
    assert [event.instance for event in told if event.kind is Kind.GONE] == [old]
    assert traced in [event.instance for event in told if event.kind is Kind.RELEASE]


@GONE(
    "If a hook for `files_free` works, a traced instance without a descriptor is not gone: something else refers "
    "to it, such as a socket with a descriptor in flight, and the probe will report its release.",
)
def test_not_gone_while_in_flight(observing: Observing, actor: Actor) -> None:
    observing.refresh()
    if not observing.batch.source.probes[1].traces:
        pytest.skip("here no hook for files_free holds")
    actor.do("ready_to_send")
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    actor.do("send", fd=fd)
    eventually(lambda: observing.flies(identity))
    for _ in range(3):
        observing.refresh()
    actor.do("drop_sockets")
    observing.refresh()
    (created,) = [event for event in observing.events(actor.pid, Kind.CREATE) if event.instance == identity]
    about = [event.kind for event in observing.events(actor.pid) if event.instance == created.instance]
    assert about == [Kind.CREATE, Kind.RELEASE]
