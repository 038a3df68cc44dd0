"""From a key press to its effect on the screen, among 100,000 instances, in quiet and beside a storm."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable

from bench import budgets
from bench.lab import WORKLOAD_CPU, Lab
from bench.table import Row, Unmeasurable, judged, unmeasured
from bench.terminal import Terminal, cursor_rows, live, pump

PROCESSES, EACH = 100, 1_000
_PATIENCE_S = 5.0


def measure(lab: Lab) -> Iterable[Row]:
    """The cursor goes down and up again; a press is answered when its mark stands on the other row."""
    presses = 40 if lab.quick else 200
    with lab.fleet(PROCESSES, EACH), live(lab.live) as screen:
        pump([screen], 3.0)
        yield _row(budgets.KEY_QUIET, screen, presses)
        screen.press(b"2")
        pump([screen], 3.0)
        yield _row(budgets.KEY_INSTANCES, screen, presses)
        screen.press(b"1")
        pump([screen], 1.5)
        # One process on one CPU: a storm on every CPU would measure how the scheduler shares them.
        with lab.running("storm", str(int(presses * 0.2 + 5) * 1000), cpu=WORKLOAD_CPU) as programs:
            pump([screen], 1.5)
            row = _row(budgets.KEY_STORM, screen, presses)
            if programs[0].done():
                row = unmeasured(budgets.KEY_STORM, "the storm was over before the last key")
            screen.quit(b"q")
        yield row


def _row(budget: budgets.Budget, screen: Terminal, presses: int) -> Row:
    try:
        times = sorted(_answers(screen, presses))
    except Unmeasurable as error:
        return unmeasured(budget, error)
    p50, p99 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
    return judged(budget, p99 * 1000, f"p50 {p50 * 1000:.0f}, longest {times[-1] * 1000:.0f}, {presses} presses")


def _answers(screen: Terminal, presses: int) -> Iterable[float]:
    """Seconds of each press."""
    screen.press(b"g")
    screen.until(lambda output: bool(cursor_rows(output)), _PATIENCE_S)
    top = min(cursor_rows(screen.output))
    chance = random.Random(1)
    for number in range(presses):
        # At no fixed phase to the refresh.
        pump([screen], chance.uniform(0.03, 0.13))
        down = number % 2 == 0
        pressed = screen.press(b"j" if down else b"k")
        wanted = top + 1 if down else top
        screen.until(lambda output, wanted=wanted: wanted in cursor_rows(output), _PATIENCE_S)  # type: ignore[misc]
        yield time.perf_counter() - pressed
