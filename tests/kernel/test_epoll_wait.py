"""What each loop did, held to what the programs themselves counted and timed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model.batch import LoopCounts, LoopKey

from .observing import Observing, observe

pytestmark = pytest.mark.kernel

PROGRAM = Path(__file__).parent.parent / "workloads" / "waits.c"
TIMES = {"waiting_ns", "away_ns", "cpu_ns"}


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
