"""What it costs to watch short-lived processes: each has events and a row, and is gone before /proc could be asked."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable

from bench import budgets
from bench.export import exported
from bench.lab import Lab
from bench.load import QUIET_PER_S, SETTLING_S
from bench.table import Row, judged, not_alone
from bench.terminal import cpu_ns, live, pump

PER_S, EACH = 50, 20
"""Processes a second, and instances of each."""


def measure(lab: Lab) -> Iterable[Row]:
    """The live screen, then batch mode."""
    seconds = 5.0 if lab.quick else 20.0
    with tempfile.TemporaryDirectory() as directory, lab.running("churn", str(PER_S), str(EACH)):
        with live(lab.live, cwd=directory) as screen:
            pump([screen], SETTLING_S)
            row = judged(budgets.CHURN_SCREEN, _share(screen.pid, lambda: pump([screen], seconds)))
            document = exported(screen, directory, since=0)
        with subprocess.Popen([*lab.live, "--batch"], stdout=subprocess.DEVNULL) as batch:
            time.sleep(SETTLING_S)
            rows = row, judged(budgets.CHURN_BATCH, _share(batch.pid, lambda: time.sleep(seconds)))
            batch.terminate()
    foreign = document["totals"]["created"] / document["observed_s"] - PER_S * EACH
    return rows if foreign < QUIET_PER_S else [not_alone(row, f"{foreign:,.0f} creations/s of others") for row in rows]


def _share(pid: int, wait: Callable[[], object]) -> float:
    """Percent of a core that a process takes meanwhile."""
    before, started = cpu_ns(pid), time.perf_counter()
    wait()
    return (cpu_ns(pid) - before) / 1e7 / (time.perf_counter() - started)
