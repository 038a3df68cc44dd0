"""How soon the first table stands, and how soon the terminal is back."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from bench import budgets
from bench.lab import Lab
from bench.table import Row, Unmeasurable, judged, unmeasured
from bench.terminal import LEFT_ALTERNATE_SCREEN, Terminal, pump

HELD = 500
"""Instances of the process that is looked for: more than others have, so it stands on top."""
_LARGELY = 0.2
"""Of the files' bytes may still be cached for a start to pass as cold."""


class Run(NamedTuple):
    """One run of the live screen, in seconds."""

    start: float
    back: float
    gone: float


def measure(lab: Lab) -> Iterable[Row]:
    """Warm, then cold."""
    with lab.fleet(1, HELD) as (pid,):
        runs = [_run(lab, pid) for _ in range(1 + (2 if lab.quick else 7))][1:]  # the first one warms up
        snapshots = [_seconds(lab.snapshot) for _ in range(2 if lab.quick else 5)]
        yield _row(budgets.START_WARM, [run.start for run in runs], _bpftrace())
        yield _row(budgets.SNAPSHOT, snapshots, f"htop: {_htop()}")
        yield _row(budgets.QUIT, [run.back for run in runs])
        yield _row(budgets.QUIT_EXIT, [run.gone for run in runs])
        try:
            yield _row(budgets.START_COLD, [_cold(lab, pid) for _ in range(1 if lab.quick else 3)])
        except Unmeasurable as error:
            yield unmeasured(budgets.START_COLD, error)


def _row(budget: budgets.Budget, seconds: list[float], comparison: str = "") -> Row:
    return judged(budget, statistics.median(seconds), f"{min(seconds):.2f} to {max(seconds):.2f}", comparison)


def _run(lab: Lab, pid: int) -> Run:
    with Terminal(lab.live) as screen:
        row = re.compile(rb"(?<!\d)%d(?!\d)" % pid)
        painted = screen.until(lambda output: row.search(output) is not None)
        pump([screen], 1.2)
        pressed = screen.press(b"q")
        back = screen.until(LEFT_ALTERNATE_SCREEN)
        return Run(painted - screen.started, back - pressed, screen.gone() - pressed)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _bpftrace() -> str:
    script = "tracepoint:syscalls:sys_exit_epoll_create1 { @ = count(); } interval:ms:1 { exit(); }"
    try:
        done = subprocess.run(["bpftrace", "-e", script], check=False, capture_output=True, timeout=20)
        if done.returncode:
            return f"bpftrace: not measured ({done.stderr.decode(errors='replace').strip()[:80]})"
        return f"bpftrace one-liner, start to exit: {_seconds(lambda: _again(script)):.2f} s"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bpftrace: not measured ({error})"


def _again(script: str) -> None:
    subprocess.run(["bpftrace", "-e", script], check=False, capture_output=True, timeout=20)


def _htop() -> str:
    try:
        with Terminal(["htop"]) as screen:
            return f"{screen.until(b'PID') - screen.started:.2f} s to its first table"
    except (OSError, Unmeasurable) as error:
        return f"not measured ({error})"


def _cold(lab: Lab, pid: int) -> float:
    """A start after the files it reads were dropped from the page cache, as far as that is possible.

    Raises:
        Unmeasurable: others keep them in memory.
    """
    files = _files(lab)
    for file in files:
        _drop(file)
    cached, size = _cached(files)
    if cached > _LARGELY * size:
        raise Unmeasurable(f"{cached / 1e6:.0f} of {size / 1e6:.0f} MB stay in the page cache, in use by others")
    return _run(lab, pid).start


def _files(lab: Lab) -> list[Path]:
    """What a start reads: mapped libraries, and the Python of its packages and of the standard library."""
    with lab.running("hold", "1"), Terminal(lab.live) as screen:
        pump([screen], 2.0)
        lines = Path(f"/proc/{screen.pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    mapped = {Path(fields[5]) for fields in (line.split(None, 5) for line in lines) if len(fields) == 6}
    ours = {Path(line.split(None, 5)[5]) for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line}
    libraries = {path for path in mapped - ours if path.is_file()}
    packages = [Path(path) for path in sys.path if path.endswith("-packages")]
    return [*libraries, *(file for directory in packages for file in directory.glob("**/*.py*") if file.is_file())]


def _drop(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _cached(files: list[Path]) -> tuple[int, int]:
    """Bytes in the page cache, and in all.

    Raises:
        Unmeasurable: there is no fincore to ask.
    """
    command = ["fincore", "--bytes", "--noheadings", "--raw", "--output", "RES,SIZE", *map(str, files)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        raise Unmeasurable(f"fincore: {error.strerror}") from None
    pairs = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    return sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
