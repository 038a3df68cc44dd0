"""A storm: two processes that create and close instances as quickly as they can. What is counted, told and lost."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bench import bpftrace, budgets
from bench.export import exported
from bench.lab import Lab
from bench.table import Row, Unmeasurable, held, judged, number
from bench.terminal import cpu_ns, live, pump

PROCESSES = 2
_APART_S = 0.5
"""More than lies between the reading of the counts of a snapshot and of its time."""


def measure(lab: Lab) -> Iterable[Row]:
    """The live screen beside the storm, then bpftrace beside another one."""
    seconds = 2 if lab.quick else 5
    with (
        tempfile.TemporaryDirectory() as directory,
        lab.running("hold", "1"),  # so that there is a row to wait for
        live(lab.live, cwd=directory) as screen,
        _storm(lab, seconds, lambda: cpu_ns(screen.pid), lambda wait_s: pump([screen], wait_s)) as storm,
    ):
        document = exported(screen, directory, time.time() + _APART_S)
    rows, source = {row["pid"]: row for row in document["processes"]}, document["source"]
    told = {pid: (rows.get(pid, {}).get("created", 0), rows.get(pid, {}).get("released", 0)) for pid in storm.made}
    # Each process keeps one instance besides, so that it stays in the table.
    exact = all(told[pid] == (made + 1, made) for pid, made in storm.made.items())
    created, released = map(sum, zip(*told.values(), strict=True))
    try:
        compared = _bpftrace(lab, min(2, seconds))
    except Unmeasurable as error:
        compared = {"counts": str(error), "lost": "", "cpu": ""}
    made = f"{storm.pairs + PROCESSES:,} and {storm.pairs:,} ({storm.pairs / seconds:,.0f} pairs/s)"
    yield held(budgets.STORM_COUNTS, exact, f"{created:,} created, {released:,} released of {made}", compared["counts"])
    detail = f"{source['events']:,} told, {source['sampled_out']:,} instances sampled out"
    yield judged(budgets.STORM_LOST, source["lost"], detail, compared["lost"])
    yield judged(budgets.STORM_CPU, storm.share * 100, comparison=compared["cpu"])


class Storm(NamedTuple):
    """A storm that is over, its processes still there."""

    made: dict[int, int]
    """Pairs by pid."""
    share: float
    """The observer's CPU time while they were made, of one core."""

    @property
    def pairs(self) -> int:
        """Of all processes."""
        return sum(self.made.values())


@contextlib.contextmanager
def _storm(lab: Lab, seconds: int, clock: Callable[[], int], wait: Callable[[float], None]) -> Iterator[Storm]:
    with lab.running("storm", str(seconds * 1000), count=PROCESSES) as programs:
        before, started = clock(), time.perf_counter()
        while not all(program.done() for program in programs):
            if time.perf_counter() - started > seconds + 20:
                raise Unmeasurable("the storm does not end")
            wait(0.05)
        share = (clock() - before) / 1e9 / (time.perf_counter() - started)
        yield Storm({program.pid: int(program.line(1.0)) for program in programs}, share)


def _bpftrace(lab: Lab, seconds: int) -> dict[str, str]:
    with bpftrace.attached() as running, _storm(lab, seconds, lambda: running.cpu_ns, time.sleep) as storm:
        running.end()
        told, expected = running.told(set(storm.made)), 2 * storm.pairs + PROCESSES
        return {
            "counts": f"bpftrace: {storm.pairs / seconds:,.0f} pairs/s",
            "lost": f"bpftrace: {1 - told / expected:.1%} of {expected:,} missing, {running.lost():,} said lost",
            "cpu": f"bpftrace: {number(storm.share * 100, '%')}",
        }
