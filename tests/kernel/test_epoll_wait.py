"""What each loop did, held to what the programs themselves counted and timed."""

from __future__ import annotations

import errno
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model.loop_activity import LoopCounts, LoopKey
from epolltop.query.story import instance_story
from epolltop.sources.bpf.ladder import ALL
from tests.docs.pages import Proofs
from tests.waiting import eventually
from tests.workloads.client import Actor

from .calls import SIZED, waits
from .observing import Observing, observe

pytestmark = pytest.mark.kernel

PROOFS = Proofs("epoll_wait", ("Description",), ("Issues",))

PROGRAM = Path(__file__).parent.parent / "workloads" / "waits.c"
CALLS = [call for call in ("epoll_wait", "epoll_pwait", "epoll_pwait2") if call != "epoll_wait" or SIZED]
TIMES = {"waiting_ns", "away_ns", "cpu_ns", "unmeasured", "slept", "away_runq_ns", "wake_runq_ns"}


@pytest.fixture(name="program", scope="module")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("built") / "waits"
    if not shutil.which("gcc"):
        pytest.skip("no gcc")
    subprocess.run(["gcc", "-O2", "-pthread", "-o", program, PROGRAM], check=True)
    return program


@pytest.fixture(name="observing", scope="module")
def _observing() -> Iterator[Observing]:
    with observe() as observing:
        if not observing.refresh().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        yield observing


def loops(observing: Observing, pid: int) -> dict[LoopKey, LoopCounts]:
    """Of a process, now."""
    observing.refresh()
    return {key: counts for key, counts in observing.batch.loops.items() if key.process.pid == pid}


def total(counts: Iterator[LoopCounts]) -> LoopCounts:
    return LoopCounts._make(map(sum, zip(*counts, strict=True)))


@PROOFS("Failed waits count by their error: `EBADF`, `EINVAL`, `EFAULT`, or another one.")
@pytest.mark.parametrize(("threads", "rounds"), [(1, 20_000), (5, 5_000)])
def test_at_full_speed_each_wait_is_counted_as_the_program_saw_it_end(
    observing: Observing, program: Path, threads: int, rounds: int
) -> None:
    with subprocess.Popen(
        [program, str(threads), str(rounds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(threads)]
        counted = loops(observing, process.pid)
        for own in told:
            its = total(counts for key, counts in counted.items() if key.tid == own["tid"])
            assert {name: number for name, number in its._asdict().items() if name not in TIMES} == {
                name: own[name] for name in LoopCounts._fields if name not in TIMES
            }
            assert 0 < its.waiting_ns < own["outer_ns"]
            assert its.waiting_ns + its.away_ns < own["span_ns"]
            assert its.cpu_ns > 0
            assert sum(key.tid == own["tid"] for key in counted) == 4, "one, many, none, and no instance"


def one(observing: Observing, pid: int) -> tuple[LoopKey, LoopCounts]:
    (loop,) = loops(observing, pid).items()
    return loop


def of_file(observing: Observing, pid: int) -> dict[int, LoopCounts]:
    return {key.file: counts for key, counts in loops(observing, pid).items()}


@PROOFS(
    "A wait with a timeout that returned nothing met its timeout if it lasted as long, less a millisecond at most.",
    "The poll delay of such a wait is the time by which it outlasted its timeout.",
)
@pytest.mark.parametrize("call", CALLS)
def test_timeouts_are_met_and_timed_as_the_program_times_them(observing: Observing, actor: Actor, call: str) -> None:
    own = actor.do("wait", fd=actor.create(), count=3, timeout_ms=40, call=call)
    if own["returned"] != {"0": 3}:
        pytest.skip(f"this kernel has no {call}")
    key, counts = one(observing, actor.pid)
    asked = (counts.zero_timeouts, counts.finite_timeouts, counts.infinite_timeouts)
    assert (asked, counts.timeouts_met, counts.early, counts.wakes) == ((0, 3, 0), 3, 0, 0)
    assert 3 * 40_000_000 <= counts.waiting_ns < own["inside_ns"]
    assert counts.waiting_ns + counts.away_ns < own["ended_ns"] - own["began_ns"]
    times = observing.times(key)
    assert (sum(times.waiting), sum(times.away), sum(times.poll_delay)) == (3, 2, 3)
    assert sum(times.waiting[:15]) == 0, "16,777,216 ns and more"
    assert 40_000_000 <= times.waiting_max_ns < own["inside_ns"]
    assert times.poll_delay_max_ns <= times.waiting_max_ns - 40_000_000
    turn = observing.batch.turns[key]
    assert (turn.timeout_ns, turn.maxevents, turn.call.name.lower()) == (40_000_000, 64, call)


@PROOFS(
    "The time from the return of a wait until the thread waits again, on whatever instance, is time away. It "
    "counts for the instance of the wait that returned."
)
def test_the_longest_times_are_those_of_a_tick(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    actor.do("wait", fd=fd, timeout_ms=60)
    actor.do("wait", fd=fd)
    key, _ = one(observing, actor.pid)
    assert observing.times(key).waiting_max_ns >= 60_000_000
    assert observing.times(key).away_max_ns > 0
    actor.do("wait", fd=fd, timeout_ms=5)
    one(observing, actor.pid)
    assert observing.times(key).waiting_max_ns >= 5_000_000
    one(observing, actor.pid)
    one(observing, actor.pid)
    times = observing.times(key)
    assert (times.waiting_max_ns, times.away_max_ns, times.poll_delay_max_ns, sum(times.waiting)) == (0, 0, 0, 3)


def test_the_time_away_is_that_of_the_instance_that_was_waited_on(observing: Observing, actor: Actor) -> None:
    first, second = actor.create(), actor.create()
    own = [actor.do("wait", fd=fd) for fd in (first, second, first)]
    counted = of_file(observing, actor.pid)
    instances = observing.instances(actor.pid)
    for fd, before, after in ((first, own[0], own[1]), (second, own[1], own[2])):
        away = counted[instances[fd].file].away_ns
        assert after["began_ns"] - before["ended_ns"] <= away <= after["ended_ns"] - before["began_ns"]


def test_a_turn_says_where_its_thread_is(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    actor.do("name", octets=b"first".hex())
    own = actor.do("wait", fd=fd, timeout_ms=1)
    key, _ = one(observing, actor.pid)
    turn = observing.batch.turns[key]
    assert own["began_ns"] <= turn.entered_ns <= turn.returned_ns <= own["ended_ns"]
    assert (turn.name, turn.hot_data, turn.hot_run) == ("first", None, 0)

    tid = actor.do("wait_in_thread", fd=fd)["tid"]
    eventually(lambda: waits(actor.pid, tid))
    (key,) = (key for key in loops(observing, actor.pid) if key.tid == tid)
    turn = observing.batch.turns[key]
    assert (turn.returned_ns, turn.timeout_ns, turn.name) == (0, None, "first")
    assert turn.entered_ns > own["ended_ns"]
    assert {each.tid for each in observing.batch.turns if each.process.pid == actor.pid} == {actor.pid, tid}
    actor.do("wake")


@PROOFS(
    "Once 64 waits in a row have each returned within 20 us, the probe notes the event that a wait returns "
    "first, and how many waits in a row have returned it."
)
def test_a_turn_is_listed_under_the_loop_of_the_last_wait(observing: Observing, actor: Actor) -> None:
    first, second = actor.create(), actor.create()
    for fd in (first, second):
        actor.do("wait", fd=fd)
        instances = observing.instances(actor.pid)
        loops(observing, actor.pid)
        listed = [key.file for key in observing.batch.turns if key.process.pid == actor.pid]
        assert listed == [instances[fd].file]


@PROOFS("A wait that a signal ends counts as interrupted.")
def test_what_a_loop_spins_on_is_told(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    _, writable = actor.do("watch", fd=fd, count=1)["targets"][0]
    actor.do("register", fd=fd, target=writable, events=select.EPOLLOUT)

    def spins() -> bool:
        """Unless something else had the processor for a while, in one of the last waits."""
        actor.do("wait", fd=fd, count=1_000)
        key, _ = one(observing, actor.pid)
        turn = observing.batch.turns[key]
        assert turn.hot_data is not None
        assert (turn.hot_data & 0xFFFFFFFF, turn.hot_mask) == (writable, select.EPOLLOUT)
        assert 1 <= turn.hot_run <= turn.run - 63
        return True

    eventually(spins)
    actor.do("wait", fd=actor.create(), timeout_ms=1)
    loops(observing, actor.pid)
    (turn,) = (turn for key, turn in observing.batch.turns.items() if key.process.pid == actor.pid)
    assert (turn.run, turn.hot_data, turn.hot_run) == (0, None, 0)


def test_a_signal_ends_a_wait_and_no_more_is_known_of_it(observing: Observing, actor: Actor) -> None:
    own = actor.do("wait_for_signal", fd=actor.create(), seconds=0.05)
    assert own["returned"] == {str(-errno.EINTR): 1}
    _, counts = one(observing, actor.pid)
    assert (counts.waits, counts.interrupted, counts.infinite_timeouts, counts.wakes, counts.early) == (1, 1, 1, 0, 0)
    assert 0 < counts.waiting_ns < own["inside_ns"]


@PROOFS("epolltop forgets a loop after its thread has ended or its instance was released.")
def test_threads_that_share_an_instance_are_loops_of_their_own(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    tids = {actor.do("wait_in_thread", fd=fd)["tid"] for _ in range(3)}
    eventually(lambda: all(waits(actor.pid, tid) for tid in tids))
    counted = loops(observing, actor.pid)
    assert {key.tid for key in counted} == tids
    assert len({(key.file, key.created_ns) for key in counted}) == 1
    for _ in tids:
        actor.do("wake")


def test_what_is_over_is_told_once_more_and_then_forgotten(observing: Observing, actor: Actor) -> None:
    kept, closed = actor.create(), actor.create()
    instances = observing.instances(actor.pid)
    actor.do("wait", fd=closed, count=5)
    actor.do("wait", fd=kept)
    tid = actor.do("wait_in_thread", fd=kept)["tid"]
    actor.do("wake")
    actor.do("close", fds=[closed])
    told = {(key.file, key.tid): counts.waits for key, counts in loops(observing, actor.pid).items()}
    file, other = (instances[fd].file for fd in (kept, closed))
    assert told == {(other, actor.pid): 5, (file, actor.pid): 1, (file, tid): 1}
    eventually(lambda: [(key.file, key.tid) for key in loops(observing, actor.pid)] == [(file, actor.pid)])
    assert [key.tid for key in observing.batch.turns if key.process.pid == actor.pid] == [actor.pid]
    actor.kill()
    eventually(lambda: not loops(observing, actor.pid))
    assert not any(key.process.pid == actor.pid for key in observing.batch.turns)


@PROOFS("epolltop leaves out its own waits.")
def test_a_thread_id_that_is_used_again_is_another_loop(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    first = actor.do("fork")["pid"]
    actor.child(first, "wait", fd=fd, count=3)
    (former,) = loops(observing, first)
    actor.do("reap", pid=first)
    eventually(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) > (former.process.start + 2) / os.sysconf("SC_CLK_TCK"))
    assert actor.do("clone_as", pid=first).get("pid") == first, "somebody else got that pid"
    actor.child(first, "wait", fd=fd, count=5)
    counted = loops(observing, first)
    (heir,) = counted.keys() - {former}
    assert (heir.tid, counted[heir].waits, counted.get(former, LoopCounts(3)).waits) == (former.tid, 5, 3)
    assert heir.thread_start_ns > former.thread_start_ns
    (turn_of,) = (key for key in observing.batch.turns if key.tid == first)
    assert turn_of == heir


def test_epolltops_own_waits_are_left_out(observing: Observing) -> None:
    with select.epoll() as own:
        own.poll(0)
        assert not loops(observing, os.getpid())
        assert not any(key.process.pid == os.getpid() for key in observing.batch.turns)


@PROOFS(
    "epolltop finds the threads that were already waiting when it started. It counts such a wait when it "
    "returns, and does not know its duration."
)
@pytest.mark.parametrize(("timeout_ms", "expected_ns"), [(-1, None), (3_600_000, 3_600_000_000_000)])
def test_a_wait_that_began_before_the_trace_is_known_and_counted_but_not_timed(
    actor: Actor, timeout_ms: int, expected_ns: int | None
) -> None:
    fd = actor.create()
    tid = actor.do("wait_in_thread", fd=fd, timeout_ms=timeout_ms)["tid"]
    eventually(lambda: waits(actor.pid, tid))
    with observe(ALL.only("epoll_wait", "tracepoint")) as observing:
        eventually(lambda: loops(observing, actor.pid))
        instance = observing.instances(actor.pid)[fd]
        key, counts = one(observing, actor.pid)
        assert (key.file, key.created_ns, key.tid, LoopCounts._make(counts)) == (instance.file, 0, tid, LoopCounts())
        turn = observing.batch.turns[key]
        assert (turn.entered_ns, turn.returned_ns, turn.timeout_ns) == (0, 0, expected_ns)
        assert turn.name == observing.row(actor.pid).name

        actor.do("wake")
        later, counts = one(observing, actor.pid)
        assert later == key
        asked = (counts.infinite_timeouts, counts.finite_timeouts)
        assert (counts.waits, counts.wakes, counts.events, counts.waiting_ns) == (1, 1, 1, 0)
        assert asked == ((1, 0) if expected_ns is None else (0, 1))
        assert sum(observing.times(key).waiting) == 0


@PROOFS(
    "A thread that left its instance before epolltop started, and has not come back, is not known as a loop, nor as "
    "late. The kernel keeps nothing of a wait that is over: such a thread looks like one that never waits. The detail "
    "pane of its instance says that no wait was seen."
)
def test_a_thread_that_left_before_the_trace_is_known_when_it_comes_back(actor: Actor) -> None:
    fd = actor.create()
    actor.do("wait", fd=fd)
    with observe(ALL.only("epoll_wait", "tracepoint")) as observing, Actor() as other:
        other.do("wait", fd=other.create())
        eventually(lambda: loops(observing, other.pid))  # all that is known of others is known by then

        def told_of_waits() -> str | None:
            instance = observing.instances(actor.pid)[fd]
            return dict(instance_story(instance.key, observing.refresh())).get("waits")

        said = told_of_waits()
        assert said
        assert "none was seen" in said
        assert "before epolltop started" in said
        assert not loops(observing, actor.pid)
        assert not [key for key in observing.batch.turns if key.process.pid == actor.pid]
        actor.do("wait", fd=fd)
        assert loops(observing, actor.pid)
        assert told_of_waits() is None


def test_a_thread_that_goes_on_after_such_a_wait_is_the_same_loop(actor: Actor) -> None:
    fd = actor.create()
    _, writable = actor.do("watch", fd=fd, count=1)["targets"][0]
    actor.begin("wait", fd=fd, count=2, timeout_ms=-1)
    eventually(lambda: waits(actor.pid, actor.pid))
    with observe(ALL.only("epoll_wait", "tracepoint")) as observing:
        eventually(lambda: loops(observing, actor.pid))
        Path(f"/proc/{actor.pid}/fd/{writable}").write_bytes(b"x")
        assert actor.answer()["returned"] == {"1": 2}
        key, counts = one(observing, actor.pid)
        times = observing.times(key)
        assert (counts.waits, counts.wakes, sum(times.waiting), sum(times.away)) == (2, 2, 1, 1)
