"""What late loops do, of programs that are known to do it."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from epolltop.model.late_look import LATE_NS, Doing, LateLook
from epolltop.model.limits import LATE_CUT, LATE_STACKS_LEFT_OUT, LATE_UNSEEN, PERF_MAPS_UNREAD
from epolltop.model.watch import TargetKind
from epolltop.own_process.pace import now_ns
from epolltop.sources.bpf import late_loops, late_stacks
from epolltop.sources.bpf.sizes import SIZES
from tests.support.kernel_version import needs_cached_paths
from tests.waiting import eventually
from tests.workloads.client import Actor
from tests.workloads.with_defect import defect

from .calls import waits
from .late_programs import functions, is_blocked, late, seen
from .observing import Observing, observe

pytestmark = pytest.mark.kernel

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


def test_loops_with_one_instance_are_late_when_nobody_waits(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    child = actor.do("fork")["pid"]
    actor.do("wait", fd=fd)
    actor.do("child", pid=child, its=["wait", {"fd": fd}])
    tid = actor.do("wait_in_thread", fd=fd)["tid"]
    eventually(lambda: waits(actor.pid, tid))
    began_ns = observing.refresh().now_ns
    with late("sleep") as pid:
        seen(observing, pid, lambda look: look.at_ns > began_ns + 2 * LATE_NS)
    looks = observing.batch.late.items()
    assert not [key for key, look in looks if key.process.pid in {actor.pid, child} and look.at_ns > began_ns]
    actor.do("wake")
    for each in (actor.pid, child):
        assert seen(observing, each, lambda look: look.at_ns > began_ns and look.doing is Doing.BLOCKED).call == "read"


def test_of_a_thread_that_is_over_nothing_is_known(observing: Observing) -> None:
    with late("exit") as pid:
        eventually(lambda: Path(f"/proc/{pid}/status").read_text(encoding="ascii").split("State:")[1].split()[0] == "Z")
        found = seen(observing, pid, lambda each: each.at_ns >= observing.batch.now_ns)
        assert (found.doing, found.call, found.fd) == (Doing.UNKNOWN, None, None)


def test_a_stopped_thread_is_stopped(observing: Observing) -> None:
    with late("sleep") as pid:
        os.kill(pid, signal.SIGSTOP)
        seen(observing, pid, lambda each: each.doing is Doing.STOPPED)
        os.kill(pid, signal.SIGCONT)
        seen(observing, pid, is_blocked)


def test_of_two_threads_on_one_cpu_one_runs_and_the_other_could(observing: Observing) -> None:
    """The test itself runs on another one, because it looks."""
    own = os.sched_getaffinity(0)
    if len(own) < 2:
        pytest.skip("who looks has the only CPU")
    cpu = min(own)
    met: set[tuple[Doing, ...]] = set()
    with late("spin") as first, late("spin") as second:
        for pid, cpus in ((first, {cpu}), (second, {cpu}), (0, own - {cpu})):
            os.sched_setaffinity(pid, cpus)

        def both() -> bool:
            observing.refresh()
            looks = {key.process.pid: look.doing for key, look in observing.batch.late.items()}
            if {first, second} <= looks.keys():
                met.add((looks[first], looks[second]))
            return bool({(Doing.ON_CPU, Doing.RUNNABLE), (Doing.RUNNABLE, Doing.ON_CPU)} & met)

        try:
            eventually(both)
        finally:
            os.sched_setaffinity(0, own)
    assert (Doing.ON_CPU, Doing.ON_CPU) not in met
    assert {doing for pair in met for doing in pair} <= {Doing.ON_CPU, Doing.RUNNABLE}


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


def test_a_glance_sees_who_is_back_at_the_next_poll(observing: Observing) -> None:
    """The program is away for a fifth of a second, and back for longer."""
    with defect("blocked-loop-sleeping") as program:
        pid = program["pid"]
        (loop,) = eventually(lambda: observing.row(pid).loops)

        def glanced() -> LateLook | None:
            time.sleep(0.03)  # so that it is away at some glances
            began_ns = now_ns()
            observing.glance([loop.key])
            ended_ns = now_ns()
            observing.refresh()
            look = observing.batch.late.get(loop.key)
            seen = look and began_ns <= look.at_ns <= ended_ns
            return look if look and seen and is_blocked(look) else None  # it may just have been woken

        look = eventually(glanced)
        assert look is not None
        assert look.call == "clock_nanosleep"


def test_a_glance_leaves_what_is_known_of_other_loops(observing: Observing, monkeypatch: pytest.MonkeyPatch) -> None:
    with late("read") as pid, late("sleep") as other:
        named = seen(observing, pid, lambda look: look.target is not None)
        seen(observing, other, is_blocked)
        (key,) = (key for key in observing.batch.late if key.process.pid == other)
        monkeypatch.setattr(late_loops.LateLoops, "_named", lambda _self, _looks: {})
        glanced_ns = now_ns()
        observing.glance([key])
        again = seen(observing, pid, lambda look: look.at_ns > glanced_ns)
        assert again.target == named.target


def test_only_the_last_looks_are_kept(observing: Observing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late_loops, "LATE_LOOKS_MAX", 1)
    with late("sleep"), late("sleep") as second:
        seen(observing, second, is_blocked)
        observing.refresh()
        assert len(observing.batch.late) == 1


def test_looks_take_a_share_of_time(observing: Observing, monkeypatch: pytest.MonkeyPatch) -> None:
    del observing  # which says whether there are late loops here
    monkeypatch.setattr(late_loops, "LOOK_SHARE", 1e-9)
    with observe() as sparing, late("sleep"):

        def looks() -> bool:
            sparing.refresh()
            return any(look.at_ns >= sparing.batch.now_ns for look in sparing.batch.late.values())

        eventually(looks)
        assert [looks() for _ in range(3)] == [False] * 3


def test_names_take_a_share_of_time(observing: Observing, monkeypatch: pytest.MonkeyPatch) -> None:
    del observing
    monkeypatch.setattr(late_loops, "NAMING_SHARE", 1e-9)
    with observe() as sparing:
        with late("read") as pid:
            seen(sparing, pid, lambda look: look.fd is not None)
        with late("read") as pid:
            assert seen(sparing, pid, lambda look: look.fd is not None).target is None


STACK_PROGRAM = r"""
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static volatile long turns;

__attribute__((noinline)) void handle_it(const char *way)
{
	int ends[2], spins = !strcmp(way, "spin") || !strcmp(way, "read then spin");
	char octet;

	if (!strncmp(way, "read", 4) && !pipe(ends) && read(ends[0], &octet, 1))
		turns++;
	while (spins)
		turns++;
}

__attribute__((noinline)) void on_event(const char *way)
{
	handle_it(way);
	turns++;
}

int main(int count, char **words)
{
	struct epoll_event event;

	epoll_wait(epoll_create1(0), &event, 1, 0);
	if (write(1, "away\n", 5) == 5)
		on_event(words[1]);
	return count;
}
"""
"""With frame pointers."""


@pytest.fixture(name="framed", scope="module")
def _framed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("built") / "framed"
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    how = ("-O1", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-xc", "-")
    subprocess.run(["gcc", "-o", program, *how], input=STACK_PROGRAM, text=True, check=True)
    return program


@pytest.fixture(name="sampling", scope="module")
def _sampling(observing: Observing) -> Iterator[Observing]:
    """The same where stacks are taken."""
    del observing  # which says whether there are late loops here
    with observe(late_stacks_ns=20_000_000) as sampling:
        yield sampling


@pytest.mark.parametrize(("way", "guess"), [("spin", ""), ("read", "? ")])
def test_the_stack_of_a_late_loop_is_taken(sampling: Observing, framed: Path, way: str, guess: str) -> None:
    expected = [f"{guess}handle_it", "on_event", "main"]
    with late(framed, way) as pid:
        found = seen(sampling, pid, lambda each: functions(each)[way == "read" :][:3] == expected)
        assert (found.call, found.fd is None) == (("read", False) if way == "read" else (None, True))
        if way == "spin":
            seen(sampling, pid, lambda each: each.doing is Doing.ON_CPU and functions(each)[:3] == expected)


def test_a_thread_that_runs_does_not_have_the_stack_with_which_it_slept(
    observing: Observing, framed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del observing
    monkeypatch.setattr(late_stacks, "SAMPLES_PER_S", 1)
    with observe(late_stacks_ns=20_000_000) as sampling, late(framed, "read then spin") as pid:
        slept = seen(sampling, pid, lambda look: look.fd is not None and bool(look.stack))
        Path(f"/proc/{pid}/fd/{slept.fd}").write_bytes(b"!")
        ran = seen(sampling, pid, lambda look: look.doing is Doing.ON_CPU)
        assert not ran.stack or functions(ran)[0] == "handle_it"


def test_a_thread_that_waits_for_a_cpu_has_the_stack_with_which_it_ran(
    sampling: Observing, framed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it runs again before its memory is read."""
    monkeypatch.setattr(late_loops.LateLoops, "_has_not_run", lambda _self, _key: False)
    with late(framed, "spin") as first, late(framed, "spin") as second:
        for pid in (first, second):
            os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
        look = seen(sampling, first, lambda each: each.doing is Doing.RUNNABLE and bool(each.stack))
    assert functions(look)[:3] == ["handle_it", "on_event", "main"]


def test_samples_without_room_are_counted(observing: Observing, framed: Path) -> None:
    del observing
    with observe(late_stacks_ns=20_000_000, sizes=replace(SIZES, late_samples=1)) as sampling:

        def refused() -> int:
            limits = sampling.refresh().source.limits
            return sum(limit.number("stacks") for limit in limits if limit.id == LATE_STACKS_LEFT_OUT)

        with late(framed, "spin"), late(framed, "spin"):
            assert eventually(refused)


def test_without_the_option_no_stack_is_taken(observing: Observing, framed: Path) -> None:
    with late(framed, "read") as pid:
        assert seen(observing, pid, is_blocked).stack == ()


@needs_cached_paths
def test_a_perf_map_that_is_not_read_is_told(sampling: Observing) -> None:
    def unread() -> int:
        limits = sampling.refresh().source.limits
        return sum(limit.number("programs") for limit in limits if limit.id == PERF_MAPS_UNREAD)

    with late("made") as pid:
        perf_map = Path(f"/tmp/perf-{pid}.map")
        try:
            perf_map.chmod(0o644)
            others = unread()
            assert functions(seen(sampling, pid, lambda look: bool(look.stack)))[0] == "made"
            assert unread() == others
            perf_map.chmod(0o666)
            eventually(lambda: unread() == others + 1)
        finally:
            perf_map.unlink()
