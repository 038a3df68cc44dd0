"""Programs whose loops are late, and what is seen of them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epolltop.model.late_look import Doing, LateLook
from tests.waiting import eventually

from .observing import Observing

PROGRAM = Path(__file__).parent.parent / "workloads" / "late_loop.py"


@contextlib.contextmanager
def late(*command: str | Path, directory: Path | None = None) -> Iterator[int]:
    """The pid of a program that is away from its loop.

    Args:
        command: it, or the way in which PROGRAM is.
        directory: in which it runs.
    """
    words = command if len(command) > 1 else (sys.executable, PROGRAM, *command)
    with subprocess.Popen(words, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "away\n":
                pytest.skip(f"a program cannot be away by {command[-1]} here")
            yield process.pid
        finally:
            process.kill()


def seen(observing: Observing, pid: int, holds: Callable[[LateLook], bool]) -> LateLook:
    """The first look of which that holds."""

    def look() -> LateLook | None:
        observing.refresh()
        looks = (look for key, look in observing.batch.late.items() if key.process.pid == pid)
        return next(filter(holds, looks), None)

    found = eventually(look)
    assert found is not None
    return found


def is_blocked(look: LateLook) -> bool:
    return look.doing is Doing.BLOCKED and (look.fd is None or look.target is not None)


def functions(look: LateLook) -> list[str]:
    return [frame.partition("+")[0] for frame in look.stack]
