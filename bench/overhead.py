"""What being watched costs a program: per create+close pair, epoll_wait, epoll_ctl, and per unrelated system call.

Rounds alternate bare, tool, bare, next tool ... so that a slow minute of the machine meets all of them. What a tool
adds is taken against the bare run just before it; the table shows the median over the rounds, and the least over all.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from bench import bpftrace, budgets
from bench.budgets import Budget
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
"""By what was called."""


class Call(NamedTuple):
    """What a program does while it is watched."""

    probe: str
    """That the cost is of: by its hook the budget is chosen."""
    tracepoints: Budget
    functions: Budget
    beside: tuple[str, ...]
    """Tools to compare with."""


CALLS = {
    "paced": Call("epoll_create", budgets.PAIR_TRACEPOINTS, budgets.PAIR_FUNCTIONS, ("bpftrace", "strace")),
    "pairs": Call("epoll_create", budgets.STORM_PAIR_TRACEPOINTS, budgets.STORM_PAIR_FUNCTIONS, ("bpftrace", "strace")),
    "getppid": Call("epoll_create", budgets.UNRELATED_TRACEPOINTS, budgets.UNRELATED_FUNCTIONS, ("bpftrace", "strace")),
    "wait": Call("epoll_wait", budgets.WAIT_TRACEPOINTS, budgets.WAIT_FUNCTIONS, ("bpftrace histogram", "strace")),
    "ctl": Call("epoll_ctl", budgets.CTL_TRACEPOINTS, budgets.CTL_FUNCTIONS, ("bpftrace histogram", "strace")),
}
"""By the mode of the traced program."""


class Measured:
    """What each tool added in each round."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[tuple[Costs, Costs]]] = {name: [] for name in TOOLS}
        self.refused: dict[str, str] = {}
        self.beside: set[str] = set()

    def run(self, lab: Lab, rounds: int) -> None:
        """Measures; a tool that does not work is not tried again."""
        for _ in range(rounds):
            self.beside.update(others())
            for name, tool in TOOLS.items():
                if name in self.refused:
                    continue
                bare = _costs(lab, tool.calls, [])
                try:
                    with tool.attached(lab) as prefix:
                        self.rounds[name].append((bare, _costs(lab, tool.calls, prefix)))
                except Unmeasurable as error:
                    self.refused[name] = str(error)

    def bare_ns(self, call: str) -> float:
        """What a call costs by itself."""
        each = [bare[call].typical for rounds in self.rounds.values() for bare, _ in rounds if call in bare]
        return statistics.median(each)

    def row(self, budget: Budget, tool: str, call: str, comparison: str) -> Row:
        """What a tool adds to a call."""
        if tool in self.refused or not self.rounds[tool]:
            return unmeasured(budget, self.refused.get(tool, ""))
        typical, least = _added(self.rounds[tool], call)
        row = judged(budget, typical, f"least {max(0.0, least):,.0f}", comparison)
        # Beside another tracer the bare runs have paid already what the first one costs.
        return replace(row, verdict="not alone") if self.beside else row

    def text(self, tool: str, call: str) -> str:
        """The same in words."""
        if tool in self.refused or not self.rounds[tool]:
            return f"not measured ({self.refused.get(tool, '')})"
        return f"{_added(self.rounds[tool], call)[0]:+,.0f} ns"


def measure(lab: Lab) -> Iterable[Row]:
    """Pairs below the detail rate and far above it, getppid, epoll_wait and epoll_ctl."""
    hooks = lab.hooks
    measured = Measured()
    measured.run(lab, 3 if lab.quick else 7)
    for name, call in CALLS.items():
        if call.probe not in hooks:
            yield unmeasured(call.tracepoints, f"epolltop attaches no probe {call.probe} here")
            continue
        budget = call.tracepoints if "tracepoint" in hooks[call.probe] else call.functions
        compared = [f"{tool}: {measured.text(tool, name)}" for tool in call.beside]
        yield measured.row(budget, "epolltop", name, "; ".join([f"bare {measured.bare_ns(name):,.0f} ns", *compared]))
        if name == "paced":
            without = f"without: {measured.text('epolltop', name)}"
            yield measured.row(budgets.PAIR_STACKS, "epolltop --stacks", name, without)


def _costs(lab: Lab, calls: Iterable[str], prefix: list[str]) -> Costs:
    costs = {}
    for name in calls:
        arguments = [name, "150" if lab.quick else "300", *([str(PACE_NS)] if name == "paced" else [])]
        command = [*prefix, *pinned([*lab.loops, *arguments], WORKLOAD_CPU)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Unmeasurable(done.stderr.strip()[-200:] or f"the traced program ended with {done.returncode}")
        _, typical, least = map(float, done.stdout.split())
        costs[name] = Cost(typical, least)
    return costs


def _added(rounds: Sequence[tuple[Costs, Costs]], call: str) -> tuple[float, float]:
    typical = statistics.median(traced[call].typical - bare[call].typical for bare, traced in rounds)
    least = min(traced[call].least for _, traced in rounds) - min(bare[call].least for bare, _ in rounds)
    return typical, least


@contextlib.contextmanager
def _epolltop(lab: Lab, *options: str) -> Iterator[list[str]]:
    with lab.running("hold", "1"), live([*lab.live, *options], cpu=TOOL_CPU) as screen, screen.pumped():
        yield []


@contextlib.contextmanager
def _bpftrace(script: Callable[..., contextlib.AbstractContextManager[object]]) -> Iterator[list[str]]:
    with script(cpu=TOOL_CPU):
        yield []


@contextlib.contextmanager
def _strace(lab: Lab) -> Iterator[list[str]]:
    program = shutil.which("strace")
    if not program:
        raise Unmeasurable("strace is not installed")
    output = str(lab.directory / "strace.out")
    # strace itself runs on the other CPU: its child inherits that, and is moved by the taskset of its own.
    calls = "trace=epoll_create1,close,epoll_wait,epoll_pwait,epoll_ctl"
    yield pinned([program, "-f", "-o", output, "-e", calls], TOOL_CPU)


class Tool(NamedTuple):
    """Something that watches."""

    attached: Callable[[Lab], contextlib.AbstractContextManager[list[str]]]
    """While it watches; what the program is started through, if it must be."""
    calls: Sequence[str]
    """That it is measured with."""


TOOLS = {
    "epolltop": Tool(_epolltop, tuple(CALLS)),
    "epolltop --stacks": Tool(lambda lab: _epolltop(lab, "--stacks"), ("paced",)),
    "bpftrace": Tool(lambda _: _bpftrace(bpftrace.attached), ("paced", "pairs", "getppid")),
    "bpftrace histogram": Tool(lambda _: _bpftrace(bpftrace.timing), ("wait", "ctl")),
    "strace": Tool(_strace, tuple(CALLS)),
}
