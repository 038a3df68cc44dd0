"""Test runs that share a machine, as a plugin of pytest.

Whoever counts over the whole machine, fills its buffers or measures time must be alone: `@pytest.mark.alone`. Such a
test waits until no other run is in a test of the kernel, of programs or of the terminal, and holds these up meanwhile.
All others run side by side. Both are said on the terminal, with the run that is waited for.

The locks are flock(2) on two files of fixed names, one for all users. Nothing is written to them, they are opened only
if they are plain files and no links, so one that somebody else has put there does no more than hold up.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest

FOLDER = Path("/tmp")
MACHINE, GATE = "epolltop-tests.lock", "epolltop-tests.gate"
"""Held by whoever is in a test; passed on the way there, so that one who waits to be alone is not overtaken."""
BESIDE, ALONE = fcntl.LOCK_SH, fcntl.LOCK_EX

Say = Callable[[str], object]


@contextmanager
def held(how: int, say: Say, folder: Path = FOLDER) -> Generator[None]:
    """Runs beside others, or alone.

    Raises:
        OSError: a file of that name is none that can be locked.
    """
    with ExitStack() as opened:
        gate, machine = (opened.enter_context(_opened(folder / name)) for name in (GATE, MACHINE))
        why = "to be alone" if how == ALONE else "for a test that must be alone"
        for fd, lock in ((gate, ALONE), (machine, how)):
            _lock(fd, lock, why, say)
        if how == BESIDE:
            fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            for fd in (machine, gate):
                fcntl.flock(fd, fcntl.LOCK_UN)  # closing is not enough: a child that was forked may have it, too


def holders(fd: int) -> list[int]:
    """Pids of others that have locked an open file, or of its lock's owner in a PID namespace that shows it."""
    number = str(os.fstat(fd).st_ino)
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" not in line]
    found = {int(lock[4]) for lock in locks if lock[1] == "FLOCK" and lock[5].split(":")[-1] == number}
    return sorted(found - {os.getpid(), 0})


@contextmanager
def _opened(path: Path) -> Generator[int]:
    options = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, options | os.O_CREAT | os.O_EXCL, 0o444)
        os.fchmod(fd, 0o444)  # whatever the umask
    except FileExistsError:
        fd = os.open(path, options)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(f"{path} is no plain file: somebody put it there")
        yield fd
    finally:
        os.close(fd)


def _lock(fd: int, how: int, why: str, say: Say) -> None:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        began = time.monotonic()
        say(f"waits {why}: {', '.join(map(_described, holders(fd))) or 'another user runs tests'}")
        fcntl.flock(fd, how)
        say(f"goes on after {time.monotonic() - began:.0f} s")


def _described(pid: int) -> str:
    try:
        process = Path(f"/proc/{pid}")
        command = process.joinpath("cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
        return f"process {pid} ({ascii(command)[1:-1][:80]}) in {process.joinpath('cwd').readlink()}"
    except OSError:
        return f"process {pid}"


class SharedMachine:
    """How one run takes its turns."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._turn = ExitStack()
        self._how: int | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-timeout: waiting costs no test its time
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Tests that must be alone keep the machine from one to the next: what they share is set up once."""
        how = wanted(item)
        if how != self._how or how == BESIDE:
            self._leave()
            if how is not None:
                self._turn.enter_context(held(how, self._say))
            self._how = how
        try:
            return (yield)
        finally:
            if not nextitem or wanted(nextitem) != ALONE:
                self._leave()

    def _leave(self) -> None:
        self._turn.close()
        self._how = None

    def _say(self, what: str) -> None:
        """On stderr: a worker has no other way to the terminal."""
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            sys.stderr.write(f"\n{what}\n")
            sys.stderr.flush()


def wanted(item: pytest.Item) -> int | None:
    """How a test wants the machine; None: it does not matter."""
    if item.get_closest_marker("alone"):
        return ALONE
    return BESIDE if any(map(item.get_closest_marker, ("kernel", "programs", "terminal"))) else None


def pytest_configure(config: pytest.Config) -> None:
    """A plugin for this run."""
    config.pluginmanager.register(SharedMachine(config))
