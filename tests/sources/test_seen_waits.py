"""Where no probe sees waits: who waits now, as /proc shows it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from epolltop.model import limits
from epolltop.model.limits import Limit
from epolltop.model.loop_activity import LoopCounts, WaitCall
from epolltop.model.loop_of import loops_of
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.own_process.pace import Allowance, Deadline
from epolltop.proc.procfs import Procfs
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.sources.bpf.ladder import ALL
from epolltop.sources.seen_waits import SeenWaits
from tests.kernel.calls import SIZED, waits
from tests.kernel.observing import Observing, observe, observe_by_proc
from tests.waiting import eventually
from tests.workloads.client import Actor

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
CALLS = ["epoll_pwait", "epoll_pwait2", *(["epoll_wait"] if SIZED else [])]
SOURCES: dict[str, Callable[[], AbstractContextManager[Observing]]] = {
    "proc": observe_by_proc,
    "without": partial(observe, ALL.without("epoll_wait")),
}


@pytest.fixture(name="observing", scope="module", params=SOURCES)
def _observing(request: pytest.FixtureRequest) -> Iterator[Observing]:
    with SOURCES[request.param]() as observing:
        yield observing


@pytest.fixture(name="time_enough", autouse=True)
def _time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """These looks follow each other at once, and on a busy machine one would be left off before it comes to ours."""
    monkeypatch.setattr(Allowance, "spend", lambda _: contextlib.nullcontext(Deadline(60)))


@pytest.fixture(name="actor")
def _actor() -> Iterator[Actor]:
    with Actor() as actor:
        yield actor


def loop(observing: Observing, pid: int) -> LoopRow:
    (one,) = observing.row(pid).loops
    return one


def shown(observing: Observing, pid: int, *fields: str) -> list[str]:
    snapshot = observing.refresh()
    (row,) = [row for row in snapshot.processes if row.pid == pid]
    (one,) = loops_of(row)
    by_id = {field.id: field for field in LOOP_FIELDS}
    return [by_id[field].show(one, snapshot) for field in fields]


@pytest.mark.parametrize("call", CALLS)
def test_it_tells_call_timeout_and_maxevents_and_counts_nothing(observing: Observing, actor: Actor, call: str) -> None:
    fd = actor.create()
    actor.begin("wait", fd=fd, call=call, timeout_ms=3_600_000)
    eventually(lambda: waits(actor.pid, actor.pid))
    one = loop(observing, actor.pid)
    assert one.turn is not None
    assert (one.turn.call, one.turn.timeout_ns) == (WaitCall[call.upper()], 3_600_000_000_000)
    assert one.turn.maxevents == 64
    assert (one.key.file, one.key.tid) == (observing.instances(actor.pid)[fd].file, actor.pid)
    assert one.did.counted.total == LoopCounts()
    assert shown(observing, actor.pid, "waits", "busy", "shared", "timeout_s") == ["?", "?", "?", "1h00m"]


def test_since_is_the_first_look_at_the_same_wait(observing: Observing, actor: Actor) -> None:
    """A signal ends the first of two waits that are alike."""
    fd = actor.create()
    actor.do("wait_for_signal", fd=fd, seconds=0.01)  # from here on it takes the signal
    actor.begin("wait", fd=fd, count=2, timeout_ms=-1)
    eventually(lambda: waits(actor.pid, actor.pid))
    first = loop(observing, actor.pid)
    since_ns = first.waiting_since_ns
    assert since_ns
    assert loop(observing, actor.pid).turn == first.turn
    assert shown(observing, actor.pid, "waiting_now_s")[0].startswith("≥")

    os.kill(actor.pid, signal.SIGALRM)
    eventually(lambda: (loop(observing, actor.pid).waiting_since_ns or 0) > since_ns)
    os.kill(actor.pid, signal.SIGALRM)
    assert actor.answer()["returned"] == {"-4": 2}


def test_a_thread_that_does_not_wait_now_stays_a_loop_of_which_nothing_is_known(
    observing: Observing, actor: Actor
) -> None:
    fd = actor.create()
    _, writable = actor.do("watch", fd=fd, count=1)["targets"][0]
    actor.begin("wait", fd=fd, timeout_ms=-1)
    eventually(lambda: observing.row(actor.pid).loops)
    Path(f"/proc/{actor.pid}/fd/{writable}").write_bytes(b"x")
    actor.answer()
    one = loop(observing, actor.pid)
    assert (one.turn, one.is_waiting, one.lag_ns(0)) == (None, None, None)
    assert shown(observing, actor.pid, "waiting_now_s", "lag_now_s", "call") == ["?", "?", "?"]


def test_a_thread_that_has_ended_is_no_loop(observing: Observing, actor: Actor) -> None:
    actor.do("wait_in_thread", fd=actor.create())
    eventually(lambda: observing.row(actor.pid).loops)
    actor.do("wake")
    eventually(lambda: not observing.row(actor.pid).loops)


def test_several_threads_that_wait_on_it_are_seen_to_share_it(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    tids = [actor.do("wait_in_thread", fd=fd)["tid"] for _ in range(2)]
    eventually(lambda: all(waits(actor.pid, tid) for tid in tids))
    seen = [(one.key.tid, one.shared, one.lag_ns(0)) for one in observing.row(actor.pid).loops]
    assert seen == [(tid, True, None) for tid in sorted(tids)]


def test_with_more_threads_than_there_is_time_for_the_rest_comes_later(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any time it looks at one thread a poll: here at the main thread, then at three that wait."""
    monkeypatch.setattr(Allowance, "spend", lambda _: contextlib.nullcontext(Deadline(-1)))
    fd = actor.create()
    tids = [actor.do("wait_in_thread", fd=fd)["tid"] for _ in range(3)]
    eventually(lambda: all(waits(actor.pid, tid) for tid in tids))
    seen = SeenWaits(Procfs(), lambda _, number: (1, 0) if number == fd else None)
    told = []
    for _ in range(5):
        seen.look({ProcessKey(actor.pid, 1): None}.keys())
        told.append((len(seen.members()["turns"]), Limit(limits.WAITS_CUT) in seen.limits()))
    assert told == [(0, True), (1, True), (2, True), (3, True), (3, False)]


def test_it_says_that_it_only_looks(observing: Observing) -> None:
    assert Limit(limits.WAITS_LOOKED_AT) in observing.refresh().source.limits


def test_waits_that_may_not_be_read_are_told(actor: Actor) -> None:
    """Others' threads are listed for everybody, but not what they do."""
    code = (
        "import os, sys\n"
        "from epolltop.model.process import ProcessKey\n"
        "from epolltop.proc.procfs import Procfs\n"
        "from epolltop.sources.seen_waits import SeenWaits\n"
        "os.setuid(65534)\n"
        "waits = SeenWaits(Procfs(), lambda *_: None)\n"
        "waits.look({ProcessKey(int(sys.argv[1]), 1): 0}.keys())\n"
        "print([dict(limit.evidence) for limit in waits.limits() if limit.id == 'waits_closed'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(actor.pid)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "[{'processes': 1}]\n"
