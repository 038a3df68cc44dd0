"""The front ends under attack: each says how long it let somebody wait, and what it took."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.waiting import eventually

COMMAND = (str(Path(sys.executable).parent / "epolltop"),)
_PATIENCE_S = 30.0
_ANSWER = 400
"""Bytes painted since a key: more than a tick paints of what did not change."""
_BETWEEN_KEYS_S = 0.25


class Verdict(NamedTuple):
    """What one front end did under one attack."""

    longest_s: float
    """Without a tick of it: a table, a frame of the file, an answer to a key."""
    ticks: int
    peak_mb: float
    left_s: float
    """From SIGTERM to the end of the process."""
    code: int | None
    """None: it did not end."""


class Watched:
    """A front end that runs, and notes when it showed that it lives."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.ticks: list[float] = []
        """When it showed something of its own, by the monotonic clock."""

    def tick(self) -> None:
        """It lives."""
        self.ticks.append(time.monotonic())

    def peak_mb(self) -> float:
        """Of its resident memory, so far."""
        return self._memory_mb("VmHWM")

    def resident_mb(self) -> float:
        """Its resident memory now."""
        return self._memory_mb("VmRSS")

    def _memory_mb(self, which: str) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii", errors="replace")
        return int(status.split(f"{which}:", 1)[1].split()[0]) / 1024

    def verdict(self, since: float, until: float) -> Verdict:
        """Ends it; about the time in between."""
        asked = time.monotonic()
        peak = self.peak_mb()
        self.process.send_signal(signal.SIGTERM)
        try:
            code: int | None = self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            code = None
        left = time.monotonic() - asked
        seen = [since, *(at for at in self.ticks if since < at < until), until]
        longest = max(after - before for before, after in itertools.pairwise(seen))
        return Verdict(longest, len(seen) - 2, peak, left, code)


@contextlib.contextmanager
def batch(*options: str) -> Iterator[Watched]:
    """Tables on a pipe; each is a tick."""
    command = [*COMMAND, "-b", "-d", "1", "-r", "5", *options]
    with _run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        watched = Watched(process)

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if b" instance" in line and b"process" in line:
                    watched.tick()

        threading.Thread(target=read, daemon=True).start()
        yield watched


@contextlib.contextmanager
def record(path: Path, *options: str) -> Iterator[Watched]:
    """A file that grows; each growth is a tick."""
    command = [*COMMAND, "record", str(path), *options]
    with _run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        watched = Watched(process)

        def look() -> None:
            size = 0
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    if (now := path.stat().st_size) != size:
                        size = now
                        watched.tick()
                time.sleep(0.02)

        threading.Thread(target=look, daemon=True).start()
        yield watched


@contextlib.contextmanager
def screen(*arguments: str, keys: Sequence[bytes] = (b"2", b"1", b"?", b"\x1b")) -> Iterator[Watched]:
    """A terminal at which somebody types; each key that is answered is a tick, and is typed again at once.

    Every key changes the whole screen, so whatever is painted after it is the answer: rows of a tick take fewer bytes.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = [*COMMAND, *arguments]
    with _run(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment) as process:
        os.close(slave)
        watched = Watched(process)

        def type_on() -> None:
            painted, pressed, at = 0, 0, 0.0
            readable = select.poll()  # select(2) takes no descriptor above 1,023
            readable.register(master, select.POLLIN)
            while process.poll() is None:
                try:
                    if readable.poll(20):
                        painted += len(os.read(master, 1 << 16))
                    if painted > _ANSWER and time.monotonic() - at > _BETWEEN_KEYS_S:
                        watched.tick()
                        os.write(master, keys[pressed % len(keys)])
                        painted, pressed, at = 0, pressed + 1, time.monotonic()
                except OSError:
                    return

        threading.Thread(target=type_on, daemon=True).start()
        try:
            yield watched
        finally:
            with contextlib.suppress(OSError):
                os.close(master)


def wait_for_ticks(watched: Mapping[str, Watched], number: int = 2) -> None:
    """Until each showed that often that it lives."""

    def all_tick() -> bool:
        for name, each in watched.items():
            assert each.process.poll() is None, f"{name} ended with {each.process.returncode}"
            assert len(each.ticks) >= number, f"{name} does not begin"
        return True

    eventually(all_tick, 45.0)


def report(capsys: pytest.CaptureFixture[str], attack: str, verdicts: Mapping[str, Verdict]) -> None:
    """Says what was measured."""
    with capsys.disabled():
        for name, verdict in verdicts.items():
            sys.stdout.write(
                f"\n  {attack:10} {name:7} longest wait {verdict.longest_s:5.2f} s, {verdict.ticks:3} ticks, "
                f"peak {verdict.peak_mb:4.0f} MB, SIGTERM to end {verdict.left_s:4.2f} s"
            )


@contextlib.contextmanager
def _run(command: Sequence[str], **how: object) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, **how) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()
