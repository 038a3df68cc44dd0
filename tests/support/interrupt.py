"""Ctrl-C ends a test run at once, as a plugin of pytest: with all that it started, wherever that went.

pytest ends fixtures in order, which may wait for what has died with the same Ctrl-C, or for what did not hear of it. So
what is left after GRACE_S is killed, with this process. What the run started is known by a variable of the environment,
and else by its parents: it may be in a session of its own, or given away to init. Workers are started, too.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

GRACE_S = 1.0
MARK = "EPOLLTOP_TEST_RUN"
_ROUNDS = 10
"""Of looking for what was started while others were being killed."""


def started_by(run: int) -> set[int]:
    """Processes that a run has started, and these, and so on."""
    mark = f"{MARK}={run}".encode()
    parents = dict(_parents())
    found = {pid for pid in parents if pid != run and mark in _environment(pid)}
    while more := {pid for pid, parent in parents.items() if parent in found | {run}} - found - {run}:
        found |= more
    return found


def end_what_was_started() -> None:
    """Kills it all."""
    for _ in range(_ROUNDS):
        alive = started_by(os.getpid())
        if not alive:
            return
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        time.sleep(0.05)


def pytest_configure(config: pytest.Config) -> None:
    """From here on; somebody who ignores Ctrl-C, as a job in the background of a script does, is asked, too."""
    if not hasattr(config, "workerinput"):  # what a worker starts is its run's
        os.environ[MARK] = str(os.getpid())
    signal.signal(signal.SIGINT, _interrupted)


def pytest_keyboard_interrupt() -> None:
    """Once more, for an interrupt that came without a signal, or that somebody else has caught."""
    _end_soon()


def pytest_unconfigure() -> None:
    """Of a run that was interrupted nothing stays."""
    if _ending.is_set():
        end_what_was_started()


_ending = threading.Event()


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
    _end_soon()
    raise KeyboardInterrupt


def _end_soon() -> None:
    if not _ending.is_set():
        _ending.set()
        threading.Thread(target=_end, name="interrupted", daemon=True).start()


def _end() -> None:
    time.sleep(GRACE_S)
    end_what_was_started()
    os._exit(pytest.ExitCode.INTERRUPTED)


def _parents() -> Iterator[tuple[int, int]]:
    """Each process with its parent; zombies wait for that only."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = process.joinpath("stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            yield int(process.name), int(parent)


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
