"""Runs the programs with a defect, and hears what they tell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


@contextmanager
def started(name: str, *, healthy: bool = False, uid: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A program, killed in the end.

    Args:
        name: of its defect.
        healthy: whether it is the twin without the defect.
        uid: as whom it runs; None: as this process.
    """
    command = [sys.executable, "-m", "tests.workloads.defects", name, *["--healthy"] * healthy]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, user=uid) as process:
        try:
            yield process
        finally:
            process.kill()


def told_by(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What it says when it is steady.

    Raises:
        AssertionError: it ended instead.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"it ended with {process.wait()}"
    told: dict[str, Any] = json.loads(line)
    return told


@contextmanager
def defect(name: str, *, healthy: bool = False, uid: int | None = None) -> Iterator[dict[str, Any]]:
    """Runs a program while its state is steady; what it told. See `started`."""
    with started(name, healthy=healthy, uid=uid) as process:
        yield told_by(process)
