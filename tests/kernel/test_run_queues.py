"""How long loops wait for a CPU, held to what the kernel tells the programs themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model import limits
from epolltop.model.limits import Limit
from epolltop.query.derived_limits import limits_of
from epolltop.sources.bpf import kernel_offsets
from tests.findings.live import live
from tests.workloads.with_defect import defect

from .observing import Observing, observe
from .test_sampling import PROOFS

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

__all__ = ["PROOFS"]

PROGRAM = Path(__file__).parent.parent / "workloads" / "crowded_loop.py"
CLOCKS_DIFFER_NS = 1_000_000
"""The scheduler has a clock of its own."""
AWAY_NS = 200_000_000
ENOUGH_WINDOWS = 3
"""In which the evidence lasts long enough to be found."""
TURNS = 20
AROUND_NS = 1_000_000
TICK_NS = 10_000_000
"""The kernel knows the CPU time of a running thread as of its last tick."""


@pytest.fixture(name="observing", scope="module")
def _observing() -> Iterator[Observing]:
    with observe() as observing:
        if not observing.refresh().source.sees("away_runq_ns"):
            pytest.skip("no probe sees waits here, or the kernel does not tell")
        yield observing


@PROOFS(
    "epolltop knows how long the thread waited for a CPU in each time away. The number is the kernel's, as in "
    "`/proc/PID/schedstat`.",
    "It also knows how long the thread waited for a CPU in each wait, after events or the timeout had woken it.",
)
@pytest.mark.parametrize(("cpu_ms", "sleep_ms"), [(20, 0), (0, 30), (10, 10)])
@pytest.mark.parametrize("competitors", [0, 2])
def test_time_on_run_queues_is_what_the_kernel_tells_the_program(
    observing: Observing, cpu_ms: int, sleep_ms: int, competitors: int
) -> None:
    arguments = [sys.executable, str(PROGRAM), str(TURNS), str(cpu_ms), str(sleep_ms), str(competitors)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        own = json.loads(program.stdout.readline())
        observing.refresh()
        ((key, counts),) = [each for each in observing.batch.loops.items() if each[0].process.pid == program.pid]
        times = observing.times(key)
        assert own["away"] <= counts.away_runq_ns + CLOCKS_DIFFER_NS
        assert counts.away_runq_ns + counts.wake_runq_ns <= own["all"] + CLOCKS_DIFFER_NS
        assert counts.wake_runq_ns <= own["wake"] + CLOCKS_DIFFER_NS
        # What is in no wait of the probe's is within the microseconds around the calls.
        assert counts.away_runq_ns + counts.wake_runq_ns >= own["away"] + own["wake"] - TURNS * AROUND_NS
        assert times.wake_runq_max_ns <= own["wake_max"] + CLOCKS_DIFFER_NS
        assert own["away_max"] <= times.away_runq_max_ns + CLOCKS_DIFFER_NS
        assert own["own_max"] - CLOCKS_DIFFER_NS <= times.own_max_ns <= times.away_max_ns
        assert cpu_ms * 1_000_000 - TICK_NS <= times.cpu_max_ns <= times.own_max_ns
        assert counts.slept == TURNS
        if competitors and cpu_ms:
            assert counts.away_runq_ns > 0
            assert times.own_max_ns < times.away_max_ns


@PROOFS(
    "If the kernel does not tell how long threads wait for a CPU, a loop that computes for too long is not found as "
    "`blocked-loop`: others may have had the CPU. One that sleeps in a call is found. The limit `run_queues_unseen` "
    "says so."
)
def test_where_the_kernel_does_not_tell_no_loop_is_late_because_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the probes of a kernel whose structures lack the number."""
    monkeypatch.setattr(kernel_offsets, "_RUN_QUEUES", ())
    with live() as here, defect("blocked-loop") as computes, defect("blocked-loop-sleeping") as sleeps:
        if not here.next_window().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        here.finds("blocked-loop", [sleeps["pid"]])
        windows = [here.next_window() for _ in range(2 * ENOUGH_WINDOWS)]
        rows = [row for shown in windows for row in shown.processes if row.pid == computes["pid"]]
        assert sum(loop.did.away_max_ns >= AWAY_NS for row in rows for loop in row.loops) >= ENOUGH_WINDOWS
        assert not here.found(["blocked-loop"], [computes["pid"]])
        assert Limit(limits.RUN_QUEUES_UNSEEN) in limits_of(windows[-1])
