"""What a list on screen costs the program that has it: turns of epoll_wait and epoll_ctl, and the longest of them.

The probes cost something without any list. So each run with the list on screen stands beside one that only hears of
events, and one without epolltop. A run begins before epolltop does, and goes on after the list was read first.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bench import budgets
from bench.lab import TOOL_CPU, WORKLOAD_CPU, Lab, Traced
from bench.table import Row, Unmeasurable, judged, unmeasured
from bench.terminal import CURSOR, Terminal, pump

SLICE_MS = 250
_HEADING = b"TIME"
BUILT_S, READ_S = 120.0, 60.0
"""Until the longest list was made, and read."""


class Turns(NamedTuple):
    """Of one run."""

    per_s: float
    longest_ns: int


def measure(lab: Lab) -> Iterable[Row]:
    """One length after the other."""
    for watches, (throughput, stall) in budgets.LISTS.items():
        try:
            yield from _rows(lab, watches, throughput, stall)
        except Unmeasurable as error:
            yield from (unmeasured(budget, error) for budget in (throughput, stall))


def _rows(lab: Lab, watches: int, throughput: budgets.Budget, stall: budgets.Budget) -> Iterable[Row]:
    seconds, rounds = (2, 1) if lab.quick else (6, 3)
    bare: list[Turns] = []
    shown: list[Turns] = []
    heard: list[Turns] = []
    with lab.running("list", str(watches), cpu=WORKLOAD_CPU) as (program,):
        program.line(BUILT_S)
        of_it = ("-p", str(program.pid))
        for _ in range(rounds):
            bare.append(_turns(program, lambda: time.sleep(seconds)))
            shown.append(_turns(program, lambda: _run([*lab.live, "--view", "watches", *of_it], CURSOR, seconds)))
            listening = [*lab.epolltop, "events", "-d", str(seconds), *of_it]
            heard.append(_turns(program, lambda: _run(listening, _HEADING, seconds)))  # noqa: B023
    read, other = _ratios(shown, bare), _ratios(heard, bare)
    bare_per_s = statistics.median(each.per_s for each in bare)
    beside = f"events alone {statistics.median(other):.2f}; bare {bare_per_s:,.0f}/s"
    yield judged(throughput, statistics.median(read), f"{min(read):.2f} to {max(read):.2f}", beside)
    longest = statistics.median(each.longest_ns for each in shown) / 1e6
    yield judged(stall, longest, _spread(shown), f"events alone {_spread(heard)} ms; bare {_spread(bare)} ms")


def _ratios(runs: Sequence[Turns], bare: Sequence[Turns]) -> list[float]:
    return [turns.per_s / alone.per_s for turns, alone in zip(runs, bare, strict=True)]


def _spread(runs: Sequence[Turns]) -> str:
    """Of the longest turn of each, in ms."""
    longest = [each.longest_ns / 1e6 for each in runs]
    return f"{min(longest):,.0f} to {max(longest):,.0f}"


def _turns(program: Traced, meanwhile: Callable[[], None]) -> Turns:
    """What it does beside something else."""
    is_over = threading.Event()
    slices: list[tuple[int, int, int]] = []

    def ask() -> None:
        while not is_over.is_set():
            program.ask(str(SLICE_MS))
            made, ns, longest_ns = map(int, program.line(READ_S).split())
            slices.append((made, ns, longest_ns))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        meanwhile()
    finally:
        is_over.set()
        asking.join()
    made, ns, longest = zip(*slices, strict=True)
    return Turns(sum(made) / sum(ns) * 1e9, max(longest))


def _run(command: list[str], seen: bytes, seconds: float) -> None:
    """Until that is painted, and for so long after it."""
    with Terminal(command, cpu=TOOL_CPU) as screen:
        screen.until(seen, READ_S)
        pump([screen], seconds)
