"""docs/events/files_free.md: each statement against the running kernel."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epolltop.model.event import Event, Kind
from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.bpf.probes.spec import Hook, Rung
from tests.docs.pages import Proofs
from tests.waiting import eventually
from tests.workloads.client import Actor

from .calls import waits
from .fdinfo import interest_list
from .observing import Observing, observe

pytestmark = pytest.mark.kernel

_PIDFD_GETFD = 438  # on all machines, since Linux 5.6

PROOFS = Proofs("files_free", ("Description",), ("Issues",))


def releases(observing: Observing, pid: int) -> list[str | None]:
    """Instances that a process released so far."""
    observing.refresh()
    return [event.instance for event in observing.events(pid, Kind.RELEASE)]


@PROOFS("Closing one of several copies of a descriptor causes no event; closing the last one causes one event.")
def test_the_last_copy_counts(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    copies = [fd, actor.do("dup", fd=fd)["fd"], actor.do("dup_to", fd=fd, lowest=500)["fd"]]
    identity = observing.instances(actor.pid)[fd].id
    for copy in copies[:-1]:
        actor.do("close", fds=[copy])
        assert releases(observing, actor.pid) == []
    actor.do("close", fds=copies[-1:])
    assert releases(observing, actor.pid) == [identity]


@PROOFS("`dup2` over the last descriptor of an instance releases it, without a call of `close`.")
def test_dup2_over_the_last_descriptor(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    actor.do("dup2", fd=0, over=fd)
    assert releases(observing, actor.pid) == [identity]


@PROOFS(
    "After `fork`, parent and child hold the same instances: only the later of the two closes causes an event, "
    "and it counts for the process that made it.",
    "The event names the process that dropped the last reference; another process may have created the instance.",
)
@pytest.mark.parametrize("child_is_last", [False, True])
def test_the_later_close_counts_after_fork(observing: Observing, actor: Actor, child_is_last: bool) -> None:
    fd = actor.create()
    child: int = actor.do("fork")["pid"]
    identity = observing.instances(child)[fd].id
    assert observing.instances(actor.pid)[fd].id == identity
    closes: dict[int, Callable[[], object]] = {
        actor.pid: lambda: actor.do("close", fds=[fd]),
        child: lambda: actor.child(child, "close", fds=[fd]),
    }
    first, last = (actor.pid, child) if child_is_last else (child, actor.pid)
    closes[first]()
    assert releases(observing, first) == releases(observing, last) == []
    closes[last]()
    assert (releases(observing, first), releases(observing, last)) == ([], [identity])
    (created,) = observing.events(actor.pid, Kind.CREATE)
    assert created.instance == identity


@PROOFS(
    "`execve` closes descriptors that are marked close-on-exec, and so releases their instances; the others stay "
    "open in the new program and keep their ids.",
)
def test_exec(observing: Observing, actor: Actor) -> None:
    kept, marked = actor.create(0), actor.create(select.EPOLL_CLOEXEC)
    before = observing.instances(actor.pid)
    actor.do("execute")
    assert releases(observing, actor.pid) == [before[marked].id]
    assert {fd: instance.id for fd, instance in observing.instances(actor.pid).items()} == {kept: before[kept].id}


@PROOFS(
    "When a process ends, even by `SIGKILL`, it releases every instance that it alone held, and these releases "
    "count for it.",
)
@pytest.mark.parametrize("killed", [False, True])
def test_the_end_of_a_process(observing: Observing, actor: Actor, killed: bool) -> None:
    shared = actor.create()
    child: int = actor.do("fork")["pid"]
    alone = actor.child(child, "hold", count=5)["fds"]
    held = observing.instances(child)
    if killed:
        os.kill(child, signal.SIGKILL)
    actor.do("reap", pid=child)
    assert sorted(map(str, releases(observing, child))) == sorted(held[fd].id for fd in alone)
    assert releases(observing, actor.pid) == []
    assert observing.instances(actor.pid)[shared].id == held[shared].id
    assert observing.row(child).released == len(alone)


@PROOFS(
    "A thread that waits on an instance holds a reference: if another thread closes the last descriptor, the "
    "close returns at once, and the waiting thread releases the instance when its wait ends.",
)
def test_a_waiting_thread_holds_a_reference(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    waiter = actor.do("wait_in_thread", fd=fd)["tid"]
    eventually(lambda: waits(actor.pid, waiter))
    actor.do("close", fds=[fd])  # answers, although the thread waits on
    assert releases(observing, actor.pid) == []
    actor.do("wake")
    assert releases(observing, actor.pid) == [identity]
    (release,) = observing.events(actor.pid, Kind.RELEASE)
    assert release.tid == waiter


@PROOFS(
    "A descriptor that was sent over a Unix socket and not yet received is a reference that no process shows; "
    "closing the sockets drops it.",
)
def test_in_flight(observing: Observing, actor: Actor) -> None:
    actor.do("ready_to_send")
    before = releases(observing, actor.pid)
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    actor.do("send", fd=fd)
    assert fd not in [int(name) for name in os.listdir(f"/proc/{actor.pid}/fd") if is_epoll(actor.pid, name)]
    eventually(lambda: observing.flies(identity))
    assert releases(observing, actor.pid) == before
    actor.do("drop_sockets")
    assert releases(observing, actor.pid) == [*before, identity]


def is_epoll(pid: int, fd: str) -> bool:
    return os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:[eventpoll]"


@PROOFS(
    "If sockets are in flight only in each other, the kernel's garbage collector releases them and all that is in "
    "flight with them: here a kernel thread does so, `by_kernel` is true, and the release counts for no program.",
)
def test_collected_by_the_kernel(observing: Observing, actor: Actor) -> None:
    actor.do("ready_to_send")
    fd = actor.create()
    identity = observing.instances(actor.pid)[fd].id
    before = observing.row(actor.pid).released
    actor.do("send_in_circle", fd=fd)

    def collected() -> Event:
        actor.do("collect")
        observing.refresh()
        return observing.released(identity)

    release = eventually_released(collected)
    assert release.by_kernel
    assert release.pid != actor.pid
    assert observing.row(actor.pid).released == before


def eventually_released(look: Callable[[], Event]) -> Event:
    """`Observing.released` does not find a release that has not come."""

    def once() -> Event | None:
        try:
            return look()
        except ValueError:
            return None

    release = eventually(once, 20)
    assert release is not None
    return release


@PROOFS(
    "Watches are not references: an instance is released with its last descriptor, whatever it watches, and even "
    "if another instance watches it.",
)
def test_watches_are_no_references(observing: Observing, actor: Actor) -> None:
    inner, outer = actor.create(), actor.create()
    actor.do("watch", fd=inner, count=10)
    actor.do("register", fd=outer, target=inner)
    assert (len(interest_list(actor.pid, inner)), interest_list(actor.pid, outer)) == (10, [inner])
    identity = observing.instances(actor.pid)[inner].id
    actor.do("close", fds=[inner])
    assert releases(observing, actor.pid) == [identity]
    assert interest_list(actor.pid, outer) == []


@PROOFS(
    "Closing a watched descriptor removes its watch, without `EPOLL_CTL_DEL`, if nothing else refers to the "
    "watched file; while a copy of it is open, the watch stays, with the number that was closed.",
)
def test_a_watch_goes_with_the_watched_file(actor: Actor) -> None:
    fd = actor.create()
    (one, _), (other, _) = actor.do("watch", fd=fd, count=2)["targets"]
    copy = actor.do("dup", fd=other)["fd"]
    actor.do("close", fds=[one, other])
    assert interest_list(actor.pid, fd) == [other]
    assert not os.path.lexists(f"/proc/{actor.pid}/fd/{other}")
    actor.do("close", fds=[copy])
    assert interest_list(actor.pid, fd) == []


@PROOFS(
    "`lifetime_ns` is the time from creation to release, and null if the creation was not seen.",
    "If a released instance is older than epolltop, its `lifetime_ns` is unknown.",
)
def test_lifetime(actor: Actor) -> None:
    old = actor.create()
    with observe() as observing:
        observing.refresh()
        bounds = actor.do("brief", seconds=0.001)
        actor.do("close", fds=[old])
        observing.refresh()
        brief, older = observing.events(actor.pid, Kind.RELEASE)
    (_, created), (closing, closed) = bounds["create"], bounds["close"]
    assert brief.lifetime_ns is not None
    assert closing - created <= brief.lifetime_ns <= closed - bounds["create"][0]
    assert older.lifetime_ns is None


@PROOFS(
    "epolltop's census holds each file for a moment while it looks at it: if the last descriptor is closed just "
    "then, the release counts for the creator, `by_census` is true, and the thread and its name are not known.",
)
@pytest.mark.skipif(os.cpu_count() == 1, reason="a census meets a close only if both run at once")
def test_a_census_may_hold_the_last_reference(actor: Actor, tmp_path: Path) -> None:
    with observe() as observing:
        # The census and the call that closes them go through the same descriptors: one overtakes the other, and then
        # they often meet. With fewer events than in a storm, most of the time goes to censuses.
        actor.begin("churn_in_rows_until_told", path=str(tmp_path / "stop"), length=500, pause_s=0.1)

        def met() -> Event | None:
            for _ in range(100):
                observing.look()
            observing.refresh()
            return next((event for event in observing.batch.events if event.by_census and event.pid == actor.pid), None)

        try:
            release = eventually(met, 120)  # by chance, mostly within a second
        finally:
            (tmp_path / "stop").touch()
            actor.answer()
    assert release is not None
    assert (release.pid, release.tid, release.name, release.uid) == (actor.pid, 0, "", None)


_LIST = "import os, sys\nwhile True: os.listdir(sys.argv[1] + '/fd')"
_READ = """
import os, sys
while True:
    try:
        with open(sys.argv[1] + "/fdinfo/" + sys.argv[2], "rb", buffering=0) as lines:
            lines.read(4096)
    except OSError:
        pass
"""


@PROOFS(
    "Other programs that read `/proc/PID/fd` or `/proc/PID/fdinfo` (ls, lsof, another epolltop) also hold files "
    "for a moment. Such a release is reported in the same way, and does not count for the program that looked.",
)
@pytest.mark.skipif(os.cpu_count() == 1, reason="a look meets a close only if both run at once")
@pytest.mark.parametrize("looking", [_LIST, _READ], ids=["fd", "fdinfo"])
def test_who_only_looks_is_not_charged(actor: Actor, tmp_path: Path, looking: str) -> None:
    fd = actor.create()
    actor.do("close", fds=[fd])
    with observe() as observing:
        command = [sys.executable, "-I", "-c", looking, f"/proc/{actor.pid}", str(fd)]
        with subprocess.Popen(command) as looker:
            actor.begin("churn_until_told", path=str(tmp_path / "stop"), pause_s=0.01)

            def met() -> bool:
                """More often than the census does."""
                observing.refresh()
                return sum(event.by_census for event in observing.events(actor.pid, Kind.RELEASE)) >= 10

            try:
                assert eventually(met, 60)
            finally:
                (tmp_path / "stop").touch()
                count = actor.answer()["count"]
                looker.kill()

        def counted() -> tuple[int, int]:
            row = observing.row(actor.pid)
            return row.created, row.released

        # Another epolltop on this machine may hold the last one still, if its census had to wait for a CPU.
        assert eventually(lambda: counted() == (count, count)), counted()
        assert observing.events(looker.pid) == []


@PROOFS(
    "If an instance that is released in this way is older than epolltop, its creator is not known: the release "
    "counts only in the total, and its event has no process.",
)
def test_epolltop_itself_holds_an_older_instance(actor: Actor) -> None:
    fd = actor.create()
    pidfd = os.pidfd_open(actor.pid)
    held = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, pidfd, fd, 0)  # as the census does, only longer
    os.close(pidfd)
    assert held >= 0, os.strerror(ctypes.get_errno())
    with observe() as observing:
        identity = observing.instances(actor.pid)[fd].id
        actor.do("close", fds=[fd])
        os.close(held)
        charged = sum(row.released for row in observing.refresh().processes if row.pid == actor.pid)
        release = observing.released(identity)
    assert (release.by_census, release.pid, charged) == (True, 0, 0)


@PROOFS(
    "If the creation of an instance exceeded the detail rate and has no event, its release has no event either; "
    "both counts are exact.",
)
def test_left_out_as_a_whole(observing: Observing, actor: Actor) -> None:
    lost_before = observing.refresh().source.lost
    actor.begin("pairs", count=100_000)
    # Read meanwhile: on a slow machine more events come than are kept for one who does not.
    observing.until(lambda _: actor.answered(), 60)
    actor.answer()
    observing.released_all({actor.pid: 100_000})
    row = observing.row(actor.pid)
    assert row.sampled_out > 0
    assert row.created == 100_000
    observing.until(lambda now: now.source.events == observing.records, 20)
    lost = observing.batch.source.lost - lost_before  # others' storms may fill the buffer
    created = {event.instance for event in observing.events(actor.pid, Kind.CREATE)}
    ended = {event.instance for event in observing.events(actor.pid, Kind.RELEASE)}
    assert 0 <= row.created - row.sampled_out - len(created) <= lost
    assert len(created - {event.instance for event in observing.releases()}) <= lost
    assert len(ended - created) <= lost


@PROOFS("epolltop does not use a hook that attaches but does not see the release of epolltop's own instance.")
def test_a_hook_that_does_not_see_is_not_used() -> None:
    blind: Rung = (Hook("raw_tracepoint", "sched_switch", "slab_object_freed"),)
    with observe(ALL.having("files_free", {"blind": blind, "census": ()})) as observing:
        observing.refresh()
        (probe,) = (each for each in observing.batch.source.probes if each.name == "files_free")
    assert not probe.traces
    assert "sched_switch" not in probe.attached_to
