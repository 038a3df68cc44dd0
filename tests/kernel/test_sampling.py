"""Beside a busy poller: less is measured of hot loops, and counted as much; held to what the programs counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model import limits
from epolltop.model.loop_activity import LoopCounts
from epolltop.model.loop_of import LoopOf, loops_of
from epolltop.output.document import snapshot_document
from epolltop.output.jsontext import gathered
from epolltop.output.report import Report
from epolltop.query.derived_limits import limits_of
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.view import PROCESSES, View
from epolltop.sources.bpf.sampling_policy import STEPS
from tests.workloads.client import Actor

from .observing import Observing, observe
from .test_epoll_wait import PROOFS, TIMES, _program, loops, one, total

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

__all__ = ["PROOFS", "_program"]
POLLER = "import select\np = select.epoll()\nwhile True: p.poll(0)"
JIFFY_NS = 10_000_000
WITHIN_S = 90.0
"""For some looks a second apart."""


@pytest.fixture(name="observing")
def _observing() -> Iterator[Observing]:
    """Without any budget, so that what one loop does is too much."""
    with observe(budget=0.0) as observing:
        if not observing.refresh().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        yield observing


@pytest.fixture(name="poller")
def _poller(observing: Observing) -> Iterator[int]:
    """A busy one, beside which everything is sampled as much as can be."""
    with subprocess.Popen([sys.executable, "-c", POLLER]) as process:
        try:
            observing.until(lambda _: measured_per_s(observing) == STEPS[-1], WITHIN_S)
            yield process.pid
        finally:
            process.kill()


def run_delay_ns(pid: int) -> int:
    """Of its first thread: the second number (Documentation/scheduler/sched-stats.rst)."""
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[1])


def measured_per_s(observing: Observing) -> int:
    """Of each loop at most; 0: all are."""
    told = [limit for limit in observing.batch.source.limits if limit.id == limits.STEPPED_DOWN]
    return told[0].number("measured_per_s") if told else 0


@PROOFS(
    "If epolltop takes more of a core than its budget, it measures only some waits of loops that wait very often, and "
    "goes on to count all of them. Sums of times stay right to a few milliseconds. The limit `stepped_down` says so, "
    "and goes away when there is room again."
)
@pytest.mark.usefixtures("poller")
def test_each_wait_is_counted_as_the_program_saw_it_end(observing: Observing, program: Path) -> None:
    with subprocess.Popen([program, "1", "20000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        own = json.loads(process.stdout.readline())
        counted = loops(observing, process.pid)
        its = total(iter(counted.values()))
        assert {name: number for name, number in its._asdict().items() if name not in TIMES} == {
            name: own[name] for name in LoopCounts._fields if name not in TIMES
        }
        assert its.waiting_ns + its.away_ns < own["span_ns"] + JIFFY_NS


def test_a_busy_poller_is_sampled_and_told_to_be(observing: Observing, poller: int) -> None:
    key, before = one(observing, poller)
    times_before, began_ns = observing.times(key), observing.batch.now_ns
    time.sleep(1)
    key, after = one(observing, poller)
    times, lasted_ns = observing.times(key), observing.batch.now_ns - began_ns
    waits, unmeasured = after.waits - before.waits, after.unmeasured - before.unmeasured
    assert (after.zero_timeouts, after.zero_empty) == (after.waits, after.waits)
    assert 0 < unmeasured < waits
    assert sum(times.waiting) - sum(times_before.waiting) == waits - unmeasured
    told_ns = after.waiting_ns - before.waiting_ns + after.away_ns - before.away_ns
    assert abs(told_ns - lasted_ns) < 3 * JIFFY_NS, "all the time is told, as either"
    snapshot = observing.refresh()
    (row,) = [row for row in snapshot.processes if row.pid == poller]
    (loop,) = row.loops
    assert loop.sampled > 1
    shown = {field.id: field.show(LoopOf(loop, row, None), snapshot) for field in LOOP_FIELDS}
    assert shown["away"].startswith("≈")
    assert shown["away_max_s"].startswith("≥")
    assert limits.STEPPED_DOWN in {limit.id for limit in limits_of(snapshot)}
    document = gathered(snapshot_document(Report(snapshot, View(PROCESSES), snapshot.processes)))
    (written,) = [each for each in document["processes"] if each["pid"] == poller]
    (instance,) = written["instances"]
    (told,) = instance["loops"]
    assert (told["sampled"], told["exact"]) == (loop.sampled, False)
    assert "stepped_down" in {limit["id"] for limit in document["limits"]}


@pytest.mark.usefixtures("poller")
def test_a_loop_that_waits_seldom_is_measured_as_before(observing: Observing, actor: Actor) -> None:
    own = actor.do("wait", fd=actor.create(), count=3, timeout_ms=40)
    key, counts = one(observing, actor.pid)
    assert (counts.waits, counts.timeouts_met, counts.unmeasured) == (3, 3, 0)
    assert 3 * 40_000_000 <= counts.waiting_ns < own["inside_ns"]
    assert sum(observing.times(key).waiting) == 3


@PROOFS("How long a sampled loop waits for a CPU is not known: its `runq_share` is `null`, and not 0.")
def test_of_a_sampled_loop_it_is_not_known_how_long_it_waits_for_a_cpu(
    observing: Observing, poller: int, actor: Actor
) -> None:
    """It shares a CPU, and nearly all that it waits for that is in turns which are sampled out."""
    if not observing.batch.source.sees("away_runq_ns"):
        pytest.skip("the kernel does not tell")
    actor.do("wait", fd=actor.create(), count=3, timeout_ms=20)
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as competitor:
        try:
            for pid in (poller, competitor.pid):
                os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
            before, waited_ns = one(observing, poller)[1], run_delay_ns(poller)
            time.sleep(1)
            after, waited_ns = one(observing, poller)[1], run_delay_ns(poller) - waited_ns
        finally:
            competitor.kill()
    assert after.unmeasured > before.unmeasured
    assert waited_ns > 200_000_000
    assert after.away_runq_ns - before.away_runq_ns < waited_ns / 2
    snapshot = observing.refresh()
    document = gathered(snapshot_document(Report(snapshot, View(PROCESSES), snapshot.processes)))
    (share,) = (field for field in LOOP_FIELDS if field.id == "runq_share")
    for pid, is_known in ((actor.pid, True), (poller, False)):
        (loop,) = loops_of(next(row for row in snapshot.processes if row.pid == pid))
        (written,) = [each for each in document["processes"] if each["pid"] == pid]
        assert (loop.loop.sampled == 1) is is_known
        assert (share.value(loop, snapshot) is not None) is is_known
        assert (share.show(loop, snapshot) != "?") is is_known
        assert (written["instances"][0]["loops"][0]["runq_share"] is not None) is is_known


@PROOFS(
    "While a loop is sampled (`sampled` is more than 1), its histograms have some of its waits, and its longest times "
    "are lower bounds; times over a tenth of a second are always in them."
)
@pytest.mark.usefixtures("poller")
def test_what_a_hot_loop_does_for_long_is_measured_to_a_jiffy(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    actor.do("wait", fd=fd, count=20_000)
    hot = one(observing, actor.pid)[1]
    assert hot.unmeasured > 0
    time.sleep(0.2)
    actor.do("wait", fd=fd, timeout_ms=300)
    key, counts = one(observing, actor.pid)
    times = observing.times(key)
    assert counts.timeouts_met == 1
    assert 300_000_000 <= times.waiting_max_ns <= counts.waiting_ns
    assert counts.waiting_ns - hot.waiting_ns < times.waiting_max_ns + 3 * JIFFY_NS
    assert 200_000_000 - JIFFY_NS <= times.away_max_ns <= counts.away_ns


@pytest.mark.usefixtures("poller")
def test_a_hot_loop_that_waits_is_seen_to(observing: Observing, actor: Actor) -> None:
    fd = actor.create()
    actor.do("wait", fd=fd, count=20_000)
    key = one(observing, actor.pid)[0]
    turn = observing.batch.turns[key]
    assert 0 < turn.entered_ns <= turn.returned_ns < observing.batch.now_ns


def test_all_is_measured_again_when_the_poller_is_gone(actor: Actor) -> None:
    with observe(budget=0.001) as observing:
        if not observing.refresh().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        with subprocess.Popen([sys.executable, "-c", POLLER]) as process:
            try:
                observing.until(lambda _: measured_per_s(observing) > 0, WITHIN_S)
            finally:
                process.kill()
        observing.until(lambda _: not measured_per_s(observing), WITHIN_S)
        actor.do("wait", fd=actor.create(), count=5_000)
        assert one(observing, actor.pid)[1].unmeasured == 0
