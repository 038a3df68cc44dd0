"""What the live screen costs while nothing happens: CPU at 1 Hz beside htop's at the same moment, and memory."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterable

from bench import budgets
from bench.export import exported
from bench.lab import Lab
from bench.table import Row, Unmeasurable, judged, not_alone, unmeasured
from bench.terminal import Terminal, cpu_ns, live, memory, pump

QUIET_PER_S = 100
"""Instances a second that others may create for the machine to pass as idle."""
SETTLING_S = 3.0
"""The first ticks find and paint everything; they are counted as start."""


def measure(lab: Lab) -> Iterable[Row]:
    """One fleet after the other."""
    for fleet in budgets.FLEETS:
        try:
            yield from _watched(lab, fleet)
        except Unmeasurable as error:
            yield from (unmeasured(budget, error) for budget in (fleet.cpu, fleet.rss, fleet.written) if budget)


def _watched(lab: Lab, fleet: budgets.Fleet) -> Iterable[Row]:
    seconds = 5.0 if lab.quick else 15.0
    with (
        tempfile.TemporaryDirectory() as directory,
        lab.fleet(fleet.processes, fleet.each, fleet.waits_per_s),
        live(lab.live, cwd=directory) as screen,
        contextlib.ExitStack() as stack,
    ):
        # -d counts tenths of a second.
        htop = stack.enter_context(Terminal(["htop", "-d", "10"])) if shutil.which("htop") else None
        terminals = [screen, htop] if htop else [screen]
        pump(terminals, SETTLING_S)
        before, started = [cpu_ns(each.pid) for each in terminals], time.perf_counter()
        written = [each.written for each in terminals]
        pump(terminals, seconds)
        lasted = time.perf_counter() - started
        shares = [(cpu_ns(each.pid) - then) / 1e9 / lasted * 100 for each, then in zip(terminals, before, strict=True)]
        used = [memory(each.pid) for each in terminals]
        told = [(each.written - then) / lasted for each, then in zip(terminals, written, strict=True)]
        document = exported(screen, directory, since=0)
    beside = ("htop: not measured (not installed)",) * 3
    if htop:
        beside = f"htop: {shares[1]:.1f} %", f"htop: {used[1].rss:.0f} MB", f"htop: {told[1]:.0f} bytes/s"
    foreign = document["totals"]["created"] / document["observed_s"]
    rows = [
        judged(fleet.cpu, shares[0], comparison=beside[0]),
        judged(fleet.rss, used[0].rss, f"PSS {used[0].pss:.0f}", beside[1]),
    ]
    if fleet.written:
        rows.append(judged(fleet.written, told[0], comparison=beside[2]))
    others = f"{foreign:,.0f} creations/s of others"
    yield from rows if foreign < QUIET_PER_S else (not_alone(row, others) for row in rows)
