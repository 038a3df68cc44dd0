"""Who created, failed and released how many, to the last one."""

from __future__ import annotations

import errno
import os
import pwd
import select
import signal
import subprocess
import time

import pytest

from epolltop.model.event import Kind, Syscall
from epolltop.model.instance import Provenance
from epolltop.proc import procfs, stat
from epolltop.proc.procfs import Procfs
from tests.waiting import eventually
from tests.workloads.client import Actor

from .calls import sized, waits
from .observing import Observing

pytestmark = pytest.mark.kernel


def test_a_prime_number_of_pairs_is_counted_exactly(observing: Observing, actor: Actor) -> None:
    actor.do("pairs", count=10_007)
    row = observing.row(actor.pid)
    assert (row.created, row.failed, row.open) == (10_007, 0, 0)
    observing.released_all({actor.pid: 10_007})
    assert row.started_ns is not None


def test_the_user_of_who_is_gone_already_is_named(observing: Observing) -> None:
    nobody = pwd.getpwnam("nobody")
    with subprocess.Popen(
        ["/usr/bin/python3", "-Ic", "import select; select.epoll().close()"],
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        cwd="/",
    ) as process:
        assert process.wait() == 0
    row = observing.row(process.pid)
    assert (row.created, row.ended, row.uid, row.user) == (1, True, nobody.pw_uid, "nobody")


def test_one_that_proc_hides_is_counted_in_one_entry_until_it_ends(
    observing: Observing, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does while its entry is freed would be in no count."""
    pids = Procfs.pids
    monkeypatch.setattr(Procfs, "pids", lambda self: [pid for pid in pids(self) if pid != actor.pid])
    monkeypatch.setattr(procfs, "read_stat", lambda root, pid: stat.read_stat(root, pid) if pid != actor.pid else None)
    made = 0
    for count in (20, 1, 30, 2, 2):
        actor.do("pairs", count=count)
        made += count
        for _ in range(3):  # polls in which it does nothing
            assert observing.row(actor.pid).created == made
    assert [counts.created for key, counts in observing.batch.counts.items() if key.pid == actor.pid] == [made]
    actor.kill()
    eventually(lambda: observing.refresh() and all(key.pid != actor.pid for key in observing.batch.counts))
    assert observing.row(actor.pid).created == made


def test_nothing_done_is_not_listed(observing: Observing, actor: Actor) -> None:
    assert all(row.pid != actor.pid for row in observing.refresh().processes)


def test_a_brief_instance_is_told_with_its_lifetime(observing: Observing, actor: Actor) -> None:
    bounds = actor.do("brief", seconds=0.005)
    observing.refresh()
    created, released = observing.events(actor.pid)
    (before_create, after_create), (before_close, after_close) = bounds["create"], bounds["close"]
    assert (created.kind, released.kind) == (Kind.CREATE, Kind.RELEASE)
    assert before_create <= created.time_ns <= after_create
    assert before_close <= released.time_ns <= after_close
    assert released.lifetime_ns is not None
    assert 5_000_000 <= before_close - after_create <= released.lifetime_ns <= after_close - before_create
    assert created.fd == bounds["fd"]
    assert created.instance == released.instance
    assert created.instance is not None
    assert observing.row(actor.pid).open == 0


def test_creation_without_room_is_a_failure_and_no_instance(observing: Observing, actor: Actor) -> None:
    assert actor.do("create_without_room")["errno"] == errno.EMFILE
    row = observing.row(actor.pid)
    assert (row.created, row.released, row.failed, row.open) == (0, 0, 1, 0)
    (event,) = observing.events(actor.pid)
    assert (event.kind, event.errno, event.fd, event.file) == (Kind.CREATE_FAILED, errno.EMFILE, None, 0)
    assert event.instance is None
    assert event.lifetime_ns is None


def _create(actor: Actor, syscall: Syscall, argument: int) -> dict[str, int]:
    if syscall is Syscall.EPOLL_CREATE:
        return actor.do("create_legacy", size=argument)
    return actor.do("create1", flags=argument)


@pytest.mark.parametrize(
    ("syscall", "argument"),
    [
        pytest.param(Syscall.EPOLL_CREATE, 0, marks=sized),
        pytest.param(Syscall.EPOLL_CREATE, -1, marks=sized),
        (Syscall.EPOLL_CREATE1, 4),
    ],
)
def test_bad_arguments_are_told_as_given(observing: Observing, actor: Actor, syscall: Syscall, argument: int) -> None:
    assert _create(actor, syscall, argument)["errno"] == errno.EINVAL
    assert observing.row(actor.pid).failed == 1
    (event,) = observing.events(actor.pid)
    assert (event.kind, event.errno, event.syscall, event.argument) == (
        Kind.CREATE_FAILED,
        errno.EINVAL,
        syscall,
        argument,
    )


@pytest.mark.parametrize(
    ("syscall", "argument"),
    [
        pytest.param(Syscall.EPOLL_CREATE, 1024, marks=sized),
        pytest.param(Syscall.EPOLL_CREATE, 2**31 - 1, marks=sized),
        (Syscall.EPOLL_CREATE1, 0),
        (Syscall.EPOLL_CREATE1, select.EPOLL_CLOEXEC),
    ],
)
def test_size_and_flags_are_told_as_given(observing: Observing, actor: Actor, syscall: Syscall, argument: int) -> None:
    fd = _create(actor, syscall, argument)["fd"]
    (instance,) = observing.row(actor.pid).instances
    assert (instance.syscall, instance.argument, instance.provenance) == (syscall, argument, Provenance.TRACED)
    assert instance.creator is not None
    assert (instance.creator.pid, instance.fds_of(instance.creator)) == (actor.pid, (fd,))
    (event,) = observing.events(actor.pid)
    assert (event.syscall, event.argument, event.fd, event.instance) == (syscall, argument, fd, instance.id)


def test_the_creator_and_who_drops_the_last_reference_are_charged_one_each(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    child = actor.do("fork")["pid"]
    (instance,) = observing.row(actor.pid).instances
    assert [holder.process.pid for holder in instance.holders] == sorted((actor.pid, child))

    actor.do("close", fds=[fd])
    assert observing.row(actor.pid).open == 0
    assert observing.row(child).instances[0].id == instance.id

    actor.child(child, "close", fds=[fd])
    parent, heir = observing.row(actor.pid), observing.row(child)
    assert (parent.created, parent.released, parent.open) == (1, 0, 0)
    assert (heir.created, heir.released, heir.open) == (0, 1, 0)
    (release,) = observing.events(child)
    assert (release.kind, release.instance, release.ppid) == (Kind.RELEASE, instance.id, actor.pid)


def test_a_killed_process_leaves_no_ghost(observing: Observing, actor: Actor) -> None:
    fds = actor.do("hold", count=211)["fds"]
    ids = {instance.id for instance in observing.row(actor.pid).instances}
    assert len(ids) == len(fds)
    actor.kill()
    snapshot = observing.until(lambda now: all(row.pid != actor.pid or not row.instances for row in now.processes))
    row = next(row for row in snapshot.processes if row.pid == actor.pid)
    assert (row.created, row.released, row.open, row.ended) == (211, 211, 0, True)
    assert not ids & {instance.id for row in snapshot.processes for instance in row.instances}
    assert ids == {event.instance for event in observing.events(actor.pid, Kind.RELEASE)}


def test_a_process_that_came_and_went_between_two_looks_is_told(observing: Observing) -> None:
    with Actor() as actor:
        actor.do("name", octets=b"swift".hex())
        actor.do("pairs", count=3)
    row = observing.row(actor.pid)
    assert (row.created, row.released, row.open, row.ended, row.name) == (3, 3, 0, True, "swift")
    assert row.uid == 0


def test_an_identity_is_never_used_again(observing: Observing, actor: Actor) -> None:
    assert len(actor.do("pairs", count=1_009)["numbers"]) == 1
    observing.refresh()
    created = observing.events(actor.pid, Kind.CREATE)
    released = observing.events(actor.pid, Kind.RELEASE)
    assert len({event.instance for event in created}) == 1_009
    assert [event.instance for event in created] == [event.instance for event in released]
    assert len({event.file for event in created}) < 1_009, "the kernel reused no address, so this proves nothing"


def test_a_reused_pid_is_another_process(observing: Observing, actor: Actor) -> None:
    first = actor.do("fork")["pid"]
    actor.child(first, "pairs", count=3)
    before = observing.row(first)
    actor.do("reap", pid=first)
    eventually(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > (before.key.start + 2) / os.sysconf("SC_CLK_TCK"))
    assert actor.do("clone_as", pid=first).get("pid") == first, "somebody else got that pid"
    actor.child(first, "hold", count=5)
    rows = {row.key: row for row in observing.refresh().processes if row.pid == first}
    assert len(rows) == 2
    former = rows.pop(before.key)
    (heir,) = rows.values()
    assert (former.created, former.released, former.open, former.ended) == (3, 3, 0, True)
    assert (heir.created, heir.released, heir.open, heir.ended) == (5, 0, 5, False)


def test_uid_and_user_are_those_of_the_process(observing: Observing, actor: Actor) -> None:
    actor.do("become", uid=65_534)
    actor.create()
    row = observing.row(actor.pid)
    assert (row.uid, row.user) == (65_534, "nobody")
    (event,) = observing.events(actor.pid)
    assert event.uid == 65_534


def test_the_actor_of_an_event_is_the_thread(observing: Observing, actor: Actor) -> None:
    made = actor.do("create_in_thread")
    row = observing.row(actor.pid)
    (event,) = observing.events(actor.pid)
    assert (event.pid, event.tid, event.ppid) == (actor.pid, made["tid"], actor.greeting["ppid"])
    assert event.tid != event.pid
    assert event.cgroup != 0
    assert row.facts.ppid == actor.greeting["ppid"]
    assert row.key == event.process


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        (b"\xff\xfeodd", "\\xff\\xfeodd"),
        (b"[b]bold[/b]", "[b]bold[/b]"),
        (b"a) S 1 (b\n", "a) S 1 (b\\x0a"),
        ("größe".encode(), "größe"),
    ],
)
def test_names_are_told_as_harmless_text(observing: Observing, actor: Actor, raw: bytes, shown: str) -> None:
    actor.do("name", octets=raw.hex())
    actor.do("pairs", count=1)
    assert observing.row(actor.pid).name == shown
    assert {event.name for event in observing.events(actor.pid)} == {shown}


def test_closing_while_another_thread_waits_releases_when_the_wait_ends(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    waiter = actor.do("wait_in_thread", fd=fd)["tid"]

    eventually(lambda: waits(actor.pid, waiter))
    identity = observing.instances(actor.pid)[fd].id
    actor.do("close", fds=[fd])
    eventually(lambda: observing.flies(identity))
    row = observing.row(actor.pid)
    assert (row.open, row.released) == (0, 0)

    actor.do("wake")
    row = observing.row(actor.pid)
    assert (row.open, row.released) == (0, 1)
    assert not observing.flies(identity)
    (release,) = observing.events(actor.pid, Kind.RELEASE)
    assert release.tid == waiter


def test_the_rows_add_up_to_the_totals(observing: Observing, actor: Actor) -> None:
    actor.do("pairs", count=101)

    def add_up() -> bool:
        snapshot = observing.refresh()
        totals = snapshot.totals
        assert (snapshot.source.overflowed, snapshot.source.lost) == (0, 0)
        assert sum(row.created for row in snapshot.processes) == totals.created
        assert sum(row.failed for row in snapshot.processes) == totals.failed
        # Who only looked closed nothing, and who made what is older than the trace is not known.
        by_nobody = sum(event.by_census and not event.pid for event in observing.releases())
        by_processes = totals.released - totals.released_by_kernel - by_nobody
        assert sum(row.released for row in snapshot.processes) == by_processes
        return True

    # Others on this machine may act between the reading of rows and totals.
    eventually(add_up, 20)


def test_every_event_that_the_kernel_handed_over_arrives(observing: Observing, actor: Actor) -> None:
    actor.do("pairs", count=1_511)
    observing.until(lambda now: now.source.events == observing.records, 20)
    assert len(observing.events(actor.pid)) == 2 * 1_511


def test_released_by_a_signal_is_charged_to_the_process_that_died(observing: Observing, actor: Actor) -> None:
    actor.create()
    child = actor.do("fork")["pid"]
    actor.child(child, "hold", count=7)
    assert observing.row(child).open == 8

    os.kill(child, signal.SIGKILL)
    actor.do("reap", pid=child)
    row = observing.row(child)
    assert (row.created, row.released, row.open) == (7, 7, 0)
    assert (observing.row(actor.pid).open, observing.row(actor.pid).released) == (1, 0)
