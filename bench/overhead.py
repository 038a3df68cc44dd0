"""What being watched costs a program: per create+close pair, and per system call that has nothing to do with epoll.

Rounds alternate bare, tool, bare, next tool ... so that a slow minute of the machine meets all of them. What a tool
adds is taken against the bare run just before it; the table shows the median over the rounds, and the least over all.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bench import bpftrace, budgets
from bench.lab import TOOL_CPU, WORKLOAD_CPU, Lab, others
from bench.table import Row, Unmeasurable, judged, unmeasured
from bench.terminal import live, pinned

PACE_NS = 100_000
"""10,000 pairs a second: half the detail rate."""


class Cost(NamedTuple):
    """Nanoseconds a call, typical and least, in one round."""

    typical: float
    least: float


Costs = dict[str, Cost]
"""By what was called: paced, pairs, getppid."""


def measure(lab: Lab) -> Iterable[Row]:
    """Pairs below the detail rate and far above it, and getppid."""
    tracepoints = lab.by_tracepoints
    rows = {
        "paced": budgets.PAIR_TRACEPOINTS if tracepoints else budgets.PAIR_FUNCTIONS,
        "pairs": budgets.STORM_PAIR_TRACEPOINTS if tracepoints else budgets.STORM_PAIR_FUNCTIONS,
        "getppid": budgets.UNRELATED_TRACEPOINTS if tracepoints else budgets.UNRELATED_FUNCTIONS,
    }
    beside: set[str] = set()
    pairs_of: dict[str, list[tuple[Costs, Costs]]] = {name: [] for name in _TOOLS}
    refused: dict[str, str] = {}
    for _ in range(3 if lab.quick else 7):
        beside.update(others())
        for name, tool in _TOOLS.items():
            if name in refused:
                continue
            bare = _costs(lab, [])
            try:
                with tool(lab) as prefix:
                    pairs_of[name].append((bare, _costs(lab, prefix)))
            except Unmeasurable as error:
                refused[name] = str(error)
    for call, budget in rows.items():
        compared = [
            f"{name}: {_added_text(pairs_of[name], call, refused.get(name))}" for name in ("bpftrace", "strace")
        ]
        if refused.get("epolltop") or not pairs_of["epolltop"]:
            yield unmeasured(budget, refused.get("epolltop", ""))
            continue
        bare_ns = statistics.median(bare[call].typical for pairs in pairs_of.values() for bare, _ in pairs)
        typical, least = _added(pairs_of["epolltop"], call)
        row = judged(
            budget, typical, f"least {max(0.0, least):,.0f}", "; ".join([f"bare {bare_ns:,.0f} ns", *compared])
        )
        for one in (row, _stacks(pairs_of, refused)) if call == "paced" else (row,):
            # Beside another tracer the bare runs have paid already what the first one costs.
            yield replace(one, verdict="not alone") if beside else one
    yield unmeasured(budgets.WAIT, "epolltop attaches no probe to epoll_wait yet")


def _stacks(pairs_of: dict[str, list[tuple[Costs, Costs]]], refused: dict[str, str]) -> Row:
    if "stacks" in refused or not pairs_of["stacks"]:
        return unmeasured(budgets.PAIR_STACKS, refused.get("stacks", ""))
    typical, least = _added(pairs_of["stacks"], "paced")
    comparison = f"without: {_added_text(pairs_of['epolltop'], 'paced', refused.get('epolltop'))}"
    return judged(budgets.PAIR_STACKS, typical, f"least {max(0.0, least):,.0f}", comparison)


def _costs(lab: Lab, prefix: list[str]) -> Costs:
    ms = 150 if lab.quick else 300
    calls = {"paced": ("paced", str(ms), str(PACE_NS)), "pairs": ("pairs", str(ms)), "getppid": ("getppid", str(ms))}
    costs = {}
    for name, arguments in calls.items():
        command = [*prefix, *pinned([*lab.loops, *arguments], WORKLOAD_CPU)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Unmeasurable(done.stderr.strip()[-200:] or f"the traced program ended with {done.returncode}")
        _, typical, least = map(float, done.stdout.split())
        costs[name] = Cost(typical, least)
    return costs


def _added(pairs: list[tuple[Costs, Costs]], call: str) -> tuple[float, float]:
    typical = statistics.median(traced[call].typical - bare[call].typical for bare, traced in pairs)
    least = min(traced[call].least for _, traced in pairs) - min(bare[call].least for bare, _ in pairs)
    return typical, least


def _added_text(pairs: list[tuple[Costs, Costs]], call: str, why: str | None) -> str:
    if why is not None or not pairs:
        return f"not measured ({why})"
    return f"{_added(pairs, call)[0]:+,.0f} ns"


@contextlib.contextmanager
def _epolltop(lab: Lab) -> Iterator[list[str]]:
    with lab.running("hold", "1"), live(lab.live, cpu=TOOL_CPU) as screen, screen.pumped():
        yield []


@contextlib.contextmanager
def _with_stacks(lab: Lab) -> Iterator[list[str]]:
    with lab.running("hold", "1"), live([*lab.live, "--stacks"], cpu=TOOL_CPU) as screen, screen.pumped():
        yield []


@contextlib.contextmanager
def _bpftrace(lab: Lab) -> Iterator[list[str]]:
    with bpftrace.attached(cpu=TOOL_CPU):
        yield []


@contextlib.contextmanager
def _strace(lab: Lab) -> Iterator[list[str]]:
    program = shutil.which("strace")
    if not program:
        raise Unmeasurable("strace is not installed")
    output = str(lab.directory / "strace.out")
    # strace itself runs on the other CPU: its child inherits that, and is moved by the taskset of its own.
    yield pinned([program, "-f", "-o", output, "-e", "trace=epoll_create1,close"], TOOL_CPU)


_TOOLS: dict[str, Callable[[Lab], contextlib.AbstractContextManager[list[str]]]] = {
    "epolltop": _epolltop,
    "stacks": _with_stacks,
    "bpftrace": _bpftrace,
    "strace": _strace,
}
