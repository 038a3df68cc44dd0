"""docs/events/epoll_wait.md: each statement against the running kernel."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model.limits import UNTRACED, WAITS_BY_IO_URING, Limit
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_of import loops_of
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.sources.bpf.ladder import ALL
from tests.waiting import eventually
from tests.workloads.client import Actor

from .calls import SIZED
from .calls import waits as is_waiting
from .observing import Observing, observe
from .test_run_queues import PROOFS

pytestmark = pytest.mark.kernel

CALLS = ("epoll_wait", "epoll_pwait", "epoll_pwait2")
READY = 60
"""Targets, which one wait returns."""


@pytest.fixture(name="waits", scope="module")
def _waits() -> Iterator[Observing]:
    with observe() as observing:
        if not observing.refresh().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        yield observing


def loops(observing: Observing, pid: int) -> dict[LoopKey, int]:
    """Waits of each loop of a process so far."""
    observing.refresh()
    return {key: counts.waits for key, counts in observing.batch.loops.items() if key.process.pid == pid}


def one_loop(observing: Observing, pid: int) -> tuple[LoopKey, int]:
    (loop,) = loops(observing, pid).items()
    return loop


@PROOFS("Each return of `epoll_wait`, `epoll_pwait` and `epoll_pwait2` counts as one wait, whatever it returned.")
def test_each_return_is_a_wait(waits: Observing, actor: Actor) -> None:
    idle, ready, other = actor.create(), actor.create(), actor.create()
    actor.do("watch", fd=ready, count=1)
    made = 0
    for call in [call for call in CALLS if call != "epoll_wait" or SIZED]:
        told = actor.do("wait", fd=idle, count=500, call=call)["returned"]
        assert told in ({"0": 500}, {str(-errno.ENOSYS): 500})
        made += told.get("0", 0)
        told = actor.do("wait", fd=ready, count=250, call=call, timeout_ms=1)["returned"]
        made += sum(number for result, number in told.items() if int(result) >= 0)
    assert sum(loops(waits, actor.pid).values()) == made
    actor.do("register", fd=other, target=ready)
    assert actor.do("wait", fd=other, count=3, timeout_ms=1)["returned"]
    assert sum(loops(waits, actor.pid).values()) == made + 3
    row = waits.row(actor.pid)
    assert row.table("loops").total.waits == made + 3
    assert row.table("loops").per_s("waits") > 0


@PROOFS(
    "A wait counts for the thread that called and the instance that the descriptor names, also if another process "
    "created the instance."
)
def test_a_wait_counts_for_who_called(waits: Observing, actor: Actor) -> None:
    fd = actor.create()
    identity = waits.instances(actor.pid)[fd]
    actor.do("wait", fd=fd, count=3)
    child = actor.do("fork")["pid"]
    tid = actor.do("child", pid=child, its=["wait", {"fd": fd, "count": 5}])["tid"]
    (mine, three), (its, five) = one_loop(waits, actor.pid), one_loop(waits, child)
    assert (three, five) == (3, 5)
    assert (mine.tid, its.tid) == (actor.pid, tid)
    assert (mine.file, mine.created_ns) == (its.file, its.created_ns) == (identity.file, identity.created_ns)
    actor.do("reap", pid=child)


@PROOFS("A thread that waits on two instances is two loops, and two threads that wait on one instance are two loops.")
def test_a_loop_is_a_thread_and_an_instance(waits: Observing, actor: Actor) -> None:
    first, second = actor.create(), actor.create()
    for count in (2, 3):
        actor.do("wait", fd=first, count=count)
        actor.do("wait", fd=second, count=1)
    thread = actor.do("wait_in_thread", fd=first)["tid"]
    actor.do("wake")
    told = {(key.file, key.tid): count for key, count in loops(waits, actor.pid).items()}
    files = {fd: waits.instances(actor.pid)[fd].file for fd in (first, second)}
    assert told == {(files[first], actor.pid): 5, (files[second], actor.pid): 2, (files[first], thread): 1}


@PROOFS("A call whose descriptor names no instance counts for the thread that made it, as a loop without an instance.")
def test_waits_on_what_is_no_instance(waits: Observing, actor: Actor) -> None:
    fd = actor.create()
    actor.do("wait", fd=fd)
    assert actor.do("wait", fd=0, count=7)["returned"] == {str(-errno.EINVAL): 7}
    assert actor.do("wait", fd=4000, count=7)["returned"] == {str(-errno.EBADF): 7}
    told = {key.file: count for key, count in loops(waits, actor.pid).items()}
    assert told == {waits.instances(actor.pid)[fd].file: 1, 0: 14}


@PROOFS("A wait that lasts is counted when it returns.")
def test_a_wait_in_progress_is_not_counted(waits: Observing, actor: Actor) -> None:
    fd = actor.create()
    tid = actor.do("wait_in_thread", fd=fd)["tid"]
    eventually(lambda: is_waiting(actor.pid, tid))
    assert one_loop(waits, actor.pid)[1] == 0
    actor.do("wake")
    assert one_loop(waits, actor.pid)[1] == 1


@PROOFS(
    "CPU time counts from the beginning of a wait to the beginning of the next one, so what the wait itself computes "
    "is in it. Time away begins at the return of the wait. So `cpu_share` of a loop may be more than 1."
)
def test_who_computes_in_its_waits_uses_more_cpu_time_than_it_is_away(waits: Observing, actor: Actor) -> None:
    fd = actor.create()
    for _, writable in actor.do("watch", fd=fd, count=READY)["targets"]:
        actor.do("register", fd=fd, target=writable, events=select.EPOLLOUT)
    os.setpriority(os.PRIO_PROCESS, actor.pid, -20)  # so that it does not wait for a CPU while it is away
    assert actor.do("wait", fd=fd, count=100_000)["returned"] == {str(READY): 100_000}
    snapshot = waits.refresh()
    (row,) = (row for row in snapshot.processes if row.pid == actor.pid)
    (loop,) = loops_of(row)
    (share,) = (field.value(loop, snapshot) for field in LOOP_FIELDS if field.id == "cpu_share")
    assert isinstance(share, float)
    assert share > 1


@PROOFS("As tracepoints the hooks do not see waits by 32-bit calls.")
def test_waits_by_32_bit_calls(waits: Observing, actor: Actor) -> None:
    fd = actor.create()
    told = actor.do("wait_compat", fd=fd, count=3)["waited"]
    if not told:
        pytest.skip("this kernel has no 32-bit calls")
    by_function = any("do_epoll_wait" in probe.attached_to for probe in waits.batch.source.probes)
    assert sum(loops(waits, actor.pid).values()) == (told if by_function else 0)


@PROOFS(
    "A wait through io_uring (`IORING_OP_EPOLL_WAIT`, since Linux 6.15) is in no count, because no thread waits in it. "
    "If the probe `epoll_ctl` is at tracepoints, a note says how many the machine asked for."
)
def test_waits_through_io_uring_are_told_and_in_no_count(waits: Observing, actor: Actor) -> None:
    def asked_for() -> int:
        limits = waits.refresh().source.limits
        return sum(limit.number("requests") for limit in limits if limit.id == WAITS_BY_IO_URING)

    fd = actor.create()
    _, writable = actor.do("watch", fd=fd, count=1)["targets"][0]
    Path(f"/proc/{actor.pid}/fd/{writable}").write_bytes(b"x")
    before = asked_for()
    told = [actor.do("wait_by_io_uring", fd=fd) for _ in range(3)]
    if told != [{"done": 1}] * 3:
        pytest.skip(f"io_uring does not wait here: {told}")
    assert asked_for() >= before + 3
    assert not loops(waits, actor.pid)


def test_left_out_it_is_not_known_and_nothing_else_changes(actor: Actor) -> None:
    with observe(ALL.without("epoll_wait")) as observing:
        actor.do("pairs", count=5)
        fd = actor.create()
        actor.do("wait", fd=fd)
        snapshot = observing.refresh()
        row = observing.row(actor.pid)
        (waits,) = [field for field in PROCESS_FIELDS if field.id == "waits_per_s"]
        assert not any(counts.waits for counts in observing.batch.loops.values())
        assert waits.value(row, snapshot) is None
        assert (row.created, row.released, snapshot.exact) == (6, 5, True)
        assert Limit.of(UNTRACED, probe="epoll_wait", refused="") in snapshot.source.limits
