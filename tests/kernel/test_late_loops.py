"""What late loops do, of programs that are known to do it."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epolltop.model.late_look import Doing, LateLook
from epolltop.model.limits import LATE_CUT, LATE_UNSEEN
from epolltop.model.watch import TargetKind
from epolltop.sources.bpf import late_loops
from tests.waiting import eventually

from .observing import Observing, observe

pytestmark = pytest.mark.kernel

PROGRAM = Path(__file__).parent.parent / "workloads" / "late_loop.py"
CGROUPS = ((Path("/sys/fs/cgroup"), "cpu.max", "1000 100000"), (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "1000"))
"""A directory, a file in it, and what limits a group to a hundredth of a CPU."""


@pytest.fixture(name="observing", scope="module")
def _observing() -> Iterator[Observing]:
    with observe() as observing:
        source = observing.refresh().source
        if not source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        if any(limit.id == LATE_UNSEEN for limit in source.limits):
            pytest.skip("no iterator shows threads here")
        yield observing


@contextlib.contextmanager
def late(way: str) -> Iterator[int]:
    """The pid of a program that is away from its loop in that way."""
    with subprocess.Popen([sys.executable, PROGRAM, way], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "away\n":
                pytest.skip(f"a program cannot be away by {way} here")
            yield process.pid
        finally:
            process.kill()


def seen(observing: Observing, pid: int, holds: Callable[[LateLook], bool]) -> LateLook:
    """The first look of which that holds."""

    def look() -> LateLook | None:
        observing.refresh()
        looks = (look for key, look in observing.batch.late.items() if key.process.pid == pid)
        return next(filter(holds, looks), None)

    found = eventually(look)
    assert found is not None
    return found


def is_blocked(look: LateLook) -> bool:
    return look.doing is Doing.BLOCKED and (look.fd is None or look.target is not None)


@pytest.mark.parametrize(("way", "calls"), [("lock", {"futex"}), ("sleep", {"clock_nanosleep", "nanosleep"})])
def test_a_thread_that_sleeps_in_a_call_is_blocked_in_it(observing: Observing, way: str, calls: set[str]) -> None:
    with late(way) as pid:
        look = seen(observing, pid, is_blocked)
        assert look.call in calls
        assert (look.fd, look.target) == (None, None)
        (loop,) = observing.row(pid).loops
        assert loop.late_now == observing.batch.late[loop.key]


def test_what_a_call_is_about_is_named(observing: Observing) -> None:
    with late("read") as pid:
        look = seen(observing, pid, is_blocked)
        assert look.call == "read"
        assert look.target is not None
        assert look.target.kind is TargetKind.PIPE
        assert os.readlink(f"/proc/{pid}/fd/{look.fd}") in look.target.text
        assert dict(look.target.details)["other_pid"] == pid
    with late("connect") as pid:
        look = seen(observing, pid, is_blocked)
        assert look.call == "connect"
        assert look.target is not None
        assert look.target.kind is TargetKind.UNIX


def test_a_thread_that_waits_for_memory_is_in_a_page_fault(observing: Observing) -> None:
    with late("fault") as pid:
        found = seen(observing, pid, lambda each: each.doing is Doing.PAGE_FAULT)
        assert (found.call, found.fd) == (None, None)


def test_a_stopped_thread_is_stopped(observing: Observing) -> None:
    with late("sleep") as pid:
        os.kill(pid, signal.SIGSTOP)
        seen(observing, pid, lambda each: each.doing is Doing.STOPPED)
        os.kill(pid, signal.SIGCONT)
        seen(observing, pid, is_blocked)


def test_of_two_threads_on_one_cpu_one_runs_and_the_other_could(observing: Observing) -> None:
    with late("spin") as first, late("spin") as second:
        cpu = min(os.sched_getaffinity(0))
        for pid in (first, second):
            os.sched_setaffinity(pid, {cpu})
        met: set[tuple[Doing, ...]] = set()

        def both() -> bool:
            observing.refresh()
            looks = {key.process.pid: look.doing for key, look in observing.batch.late.items()}
            if {first, second} <= looks.keys():
                met.add((looks[first], looks[second]))
            return {(Doing.ON_CPU, Doing.RUNNABLE), (Doing.RUNNABLE, Doing.ON_CPU)} <= met

        eventually(both)
        assert met <= {
            (Doing.ON_CPU, Doing.RUNNABLE),
            (Doing.RUNNABLE, Doing.ON_CPU),
            (Doing.RUNNABLE, Doing.RUNNABLE),
        }


def is_removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


@contextlib.contextmanager
def limited() -> Iterator[Path]:
    """A control group that gets little CPU time."""
    for above, limit, value in CGROUPS:
        group = above / f"epolltop-{os.getpid()}"
        if not (above / "cgroup.procs").exists():
            continue
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                (group / limit).write_text(value)
                yield group
                return
            finally:
                eventually(functools.partial(is_removed, group))
    pytest.skip("no control group with a limit of CPU time can be made here")


def test_a_thread_whose_group_has_used_its_time_is_throttled(observing: Observing) -> None:
    with limited() as group, late("spin") as pid:
        (group / "cgroup.procs").write_text(str(pid))
        seen(observing, pid, lambda each: each.doing is Doing.THROTTLED)


def test_a_poll_looks_at_some_loops_and_says_of_how_many_it_does_not(
    observing: Observing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_loops, "LOOKS_PER_POLL", 1)
    with late("sleep"), late("sleep"):

        def cut() -> bool:
            last_ns = observing.batch.now_ns
            source = observing.refresh().source
            fresh = [look for look in observing.batch.late.values() if look.at_ns > last_ns]
            left_out = sum(limit.number("loops") for limit in source.limits if limit.id == LATE_CUT)
            return len(fresh) == 1 and left_out >= 1

        eventually(cut)


def test_only_the_last_looks_are_kept(observing: Observing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_loops, "LATE_LOOKS_MAX", 1)
    with late("sleep"), late("sleep") as second:
        seen(observing, second, is_blocked)
        observing.refresh()
        assert len(observing.batch.late) == 1
