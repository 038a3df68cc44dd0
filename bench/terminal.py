"""A program in a pseudo terminal: what it paints, when, and what it costs meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.table import Unmeasurable

ROWS, COLUMNS = 36, 120
CURSOR = "▸".encode()
"""Stands at the left of the row under the cursor: where it is, a table row has been painted."""
LEFT_ALTERNATE_SCREEN = b"\x1b[?1049l"

_TOKEN = re.compile(rb"\x1b\[(\d+);\d+H|(\r\n)|(" + CURSOR + rb")")


class Terminal:
    """One program. Whoever holds it must pump it: a full terminal stops the program."""

    def __init__(self, command: Sequence[str], *, cpu: int | None = None, cwd: str | None = None) -> None:
        """Starts it, on one CPU if that is given."""
        self.output = b""
        self.written = 0
        """Bytes so far."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color"}
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            pinned(command, cpu),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.quit(b"q")
        os.close(self._master)

    @property
    def pid(self) -> int:
        """Of the program."""
        return self._process.pid

    def press(self, key: bytes) -> float:
        """Sends a key and forgets what was painted before; when."""
        pump([self], 0)
        self.output = b""
        now = time.perf_counter()
        os.write(self._master, key)
        return now

    def until(self, seen: bytes | Callable[[bytes], bool], timeout_s: float = 15.0) -> float:
        """Waits for something to be painted; when it was.

        Raises:
            Unmeasurable: it was not, in time.
        """
        found = (lambda output: seen in output) if isinstance(seen, bytes) else seen
        deadline = time.perf_counter() + timeout_s
        while not found(self.output):
            left = deadline - time.perf_counter()
            if left <= 0 or not self.pump(left):
                raise Unmeasurable(f"not painted within {timeout_s:g} s, last words: {self.output[-200:]!r}")
        return time.perf_counter()

    def pump(self, timeout_s: float) -> bool:
        """Reads once, waiting so long; False if the program has ended."""
        if select.select([self._master], [], [], timeout_s)[0]:
            try:
                data = os.read(self._master, 1 << 16)
            except OSError:  # the other end was closed
                return False
            self.output += data
            self.written += len(data)
            return bool(data)
        return True

    @contextlib.contextmanager
    def pumped(self) -> Iterator[None]:
        """Pumps in a thread of its own during the block."""
        over = threading.Event()

        def run() -> None:
            while not over.is_set() and self.pump(0.05):
                self.output = b""

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def gone(self, timeout_s: float = 10.0) -> float:
        """Waits for the process to end; when it did.

        Raises:
            Unmeasurable: it did not, in time.
        """
        deadline = time.perf_counter() + timeout_s
        while self._process.poll() is None:
            if time.perf_counter() > deadline:
                raise Unmeasurable(f"still there after {timeout_s:g} s")
            if not self.pump(0.001):
                time.sleep(0.001)
        return time.perf_counter()

    def quit(self, key: bytes) -> None:
        """Ends it, by key, and by signal if that does not help."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError, Unmeasurable):
                self.press(key)
                self.gone(5.0)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def pump(terminals: Sequence[Terminal], seconds: float) -> None:
    """Lets the programs run for so long, and forgets what they painted before the end."""
    ends = time.perf_counter() + seconds
    descriptors = {terminal._master: terminal for terminal in terminals}
    while True:
        ready = select.select(list(descriptors), [], [], max(0.0, ends - time.perf_counter()))[0]
        for descriptor in ready:
            descriptors[descriptor].output = b""
            if not descriptors[descriptor].pump(0):
                del descriptors[descriptor]
        if not ready and time.perf_counter() >= ends:
            return


def cursor_rows(output: bytes) -> list[int]:
    """Screen rows at which the cursor's mark was painted, in that order."""
    rows, row = [], 0
    for match in _TOKEN.finditer(output):
        if match[1]:
            row = int(match[1])
        elif match[2]:
            row += 1
        else:
            rows.append(row)
    return rows


def pinned(command: Sequence[str], cpu: int | None) -> list[str]:
    """The command, on one CPU if there is another one for the rest and util-linux is there."""
    taskset = shutil.which("taskset")
    if cpu is None or (os.cpu_count() or 1) < 2 or not taskset:
        return list(command)
    return [taskset, "-c", str(cpu), *command]


def cpu_ns(pid: int) -> int:
    """CPU time of a whole process, ended threads included, by the clock that the kernel keeps for it."""
    return time.clock_gettime_ns(~pid << 3 | 2)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MB (1,000,000 bytes)."""

    rss: float
    pss: float


def memory(pid: int) -> Memory:
    """Resident now; shared pages count in full (rss) and by share (pss)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kb: Mapping[str, int] = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return Memory(kb["Rss"] * 1024 / 1e6, kb["Pss"] * 1024 / 1e6)


@contextlib.contextmanager
def live(command: Sequence[str], *, cpu: int | None = None, cwd: str | None = None) -> Iterator[Terminal]:
    """The live screen of epolltop, once its first table row is painted."""
    with Terminal(command, cpu=cpu, cwd=cwd) as screen:
        screen.until(CURSOR)
        yield screen
