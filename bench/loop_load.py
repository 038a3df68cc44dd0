"""What being watched costs servers under load: what they serve with and without, in pairs of one run after the other.

The load and the server share the CPUs, so what is served in a second is noisy; CPU time of a request is less so.
"""

from __future__ import annotations

import re
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from bench import budgets
from bench.lab import Lab
from bench.overhead import TOOLS
from bench.table import Row, Unmeasurable, judged, unmeasured
from bench.terminal import cpu_ns
from tests.programs import fleet
from tests.programs.fleet import NotInstalled, Program, which

_COMPARED = ("epolltop", "bpftrace histogram")
_REDIS_PER_S = 50_000
"""Requests that redis-benchmark makes in about a second."""


class Served(NamedTuple):
    """One run."""

    per_s: float
    """Requests."""
    cpu_ns: float
    """Of the server, a request."""


Load = Callable[[Lab, Program, int], Served]
"""For about so many seconds."""


def measure(lab: Lab) -> Iterable[Row]:
    """An echo beside a busy poller, then two servers."""
    for budget, start, load in (
        (budgets.ECHO, _busy_poller, _echoes),
        (budgets.REDIS, fleet.redis, _redis_benchmark),
        (budgets.NGINX, fleet.nginx, _wrk),
    ):
        try:
            yield _row(lab, budget, start, load)
        except (Unmeasurable, NotInstalled, subprocess.TimeoutExpired) as error:
            yield unmeasured(budget, error)


def _row(lab: Lab, budget: budgets.Budget, start: Callable[[Path], Program], load: Load) -> Row:
    seconds, rounds = (1, 3) if lab.quick else (3, 7)
    pairs: dict[str, list[tuple[Served, Served]]] = {name: [] for name in _COMPARED}
    with tempfile.TemporaryDirectory(prefix="epolltop-bench-") as directory:
        program = start(Path(directory))
        try:
            load(lab, program, 1)  # the first one warms up
            for _ in range(rounds):
                for name in _COMPARED:
                    bare = load(lab, program, seconds)
                    with TOOLS[name].attached(lab):
                        pairs[name].append((bare, load(lab, program, seconds)))
        finally:
            program.end()
    ratios, dearer = _ratios(pairs["epolltop"])
    its, its_dearer = _ratios(pairs["bpftrace histogram"])
    detail = f"{min(ratios):.2f} to {max(ratios):.2f}; CPU of a request {dearer:+.0%}"
    bare_per_s = statistics.median(bare.per_s for each in pairs.values() for bare, _ in each)
    histogram = f"{statistics.median(its):.2f}, CPU of a request {its_dearer:+.0%}"
    comparison = f"bare {bare_per_s:,.0f}/s; bpftrace histogram: {histogram}"
    return judged(budget, statistics.median(ratios), detail, comparison)


def _ratios(pairs: Iterable[tuple[Served, Served]]) -> tuple[list[float], float]:
    """What was served, of bare; by how much the CPU time of a request grew."""
    ratios = [traced.per_s / bare.per_s for bare, traced in pairs]
    return ratios, statistics.median(traced.cpu_ns / bare.cpu_ns for bare, traced in pairs) - 1


def _busy_poller(directory: Path) -> Program:
    return fleet.haproxy(directory, tune="busy-polling")


def _echoes(lab: Lab, _: Program, seconds: int) -> Served:
    """Of a loop of its own, which is the server."""
    before = _children_ns()
    echoes = float(_said([*lab.loops, "echo", str(seconds * 1000)]).split()[0])
    return Served(echoes / seconds, (_children_ns() - before) / echoes)


def _redis_benchmark(_: Lab, program: Program, seconds: int) -> Served:
    requests = seconds * _REDIS_PER_S
    load = ["-s", str(program.address), "-t", "get", "-c", "50", "-n", str(requests), "--csv"]
    before = _cpu_ns(program)
    per_s = float(_found(r'"GET","([\d.]+)"', _said([which("redis-benchmark"), *load]))[1])
    return Served(per_s, (_cpu_ns(program) - before) / requests)


def _wrk(_: Lab, program: Program, seconds: int) -> Served:
    load = ["-t", "1", "-c", "64", "-d", f"{seconds}s", f"http://127.0.0.1:{program.address}/"]
    before = _cpu_ns(program)
    said = _found(r"(\d+) requests in [^Z]*Requests/sec:\s+([\d.]+)", _said([which("wrk"), *load]))
    return Served(float(said[2]), (_cpu_ns(program) - before) / float(said[1]))


def _cpu_ns(program: Program) -> int:
    return sum(map(cpu_ns, program.pids))


def _children_ns() -> float:
    """CPU time of what we started and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e9


def _said(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Unmeasurable(done.stderr.strip()[-200:] or f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text)
    if not match:
        raise Unmeasurable(f"no rate in {text[-200:]!r}")
    return match
