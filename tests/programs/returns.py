"""A tracer that is not ours: bpftrace counts the returns from waits, by thread."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.waiting import eventually

# Probes are attached in the order of the script: the last one tells that all are.
_SCRIPT = """
tracepoint:syscalls:sys_exit_epoll_wait, tracepoint:syscalls:sys_exit_epoll_pwait,
tracepoint:syscalls:sys_exit_epoll_pwait2 /WHOSE/ {
    @waits[tid] = count();
    if (args->ret > 0) { @events[tid] = sum(args->ret); }
}
interval:ms:50 /!@attached/ { @attached = 1; print(@attached); }
"""


class Returned(NamedTuple):
    """What one thread did."""

    waits: int
    events: int


class Tracer:
    """A running bpftrace."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process, self._output = process, output

    def end(self) -> dict[int, Returned]:
        """Ends it; what it counted, by thread."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        counts: dict[str, dict[str, int]] = {}
        for line in filter(str.strip, self._output.read_text(encoding="utf-8").splitlines()):
            told = json.loads(line)
            if told["type"] == "map":
                counts.update(told["data"])
        events = counts.get("@events", {})
        return {int(tid): Returned(waits, events.get(tid, 0)) for tid, waits in counts.get("@waits", {}).items()}


@contextlib.contextmanager
def tracer(pids: Collection[int], directory: Path) -> Iterator[Tracer]:
    """Counts until it is ended, at the latest by the end of the block; skips the test where bpftrace cannot."""
    program = shutil.which("bpftrace")
    if program is None:
        pytest.skip("bpftrace is not installed")
    output, complaints = directory / "returns", directory / "complaints"
    script = _SCRIPT.replace("WHOSE", " || ".join(f"pid == {pid}" for pid in pids))
    with output.open("wb") as out, complaints.open("wb") as err:
        command = [program, "-f", "json", "-B", "line", "-e", script]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:

        def attached() -> bool:
            if process.poll() is not None:
                pytest.skip(f"bpftrace: {complaints.read_text(errors='replace')[-300:]}")
            return b'"@attached"' in output.read_bytes()

        eventually(attached)
        yield Tracer(process, output)
    finally:
        process.kill()
        process.wait()
