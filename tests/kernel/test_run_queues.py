"""How long loops wait for a CPU, held to what the kernel tells the programs themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .observing import Observing, observe
from .test_sampling import PROOFS

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

__all__ = ["PROOFS"]

PROGRAM = Path(__file__).parent.parent / "workloads" / "crowded_loop.py"
CLOCKS_DIFFER_NS = 1_000_000
"""The scheduler has a clock of its own."""
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
