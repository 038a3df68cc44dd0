"""Runs the program as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE_S

COMMAND = (sys.executable, "-m", "epolltop")
ROOT = Path(__file__).parents[2]
NOBODY: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []}
PROC = ("--source", "proc")
sources = pytest.mark.parametrize("source", [PROC, pytest.param((), marks=pytest.mark.kernel)], ids=["proc", "auto"])


def environment(**changes: str) -> dict[str, str]:
    """Ours, but for what would colour or size the output."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    return kept | {"TZ": "UTC", "PYTHONUNBUFFERED": "1"} | changes


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """To its end."""
    given: dict[str, Any] = {
        "capture_output": True,
        "text": True,
        "stdin": subprocess.DEVNULL,
        "cwd": "/",
        "env": environment(),
    }
    return subprocess.run([*COMMAND, *arguments], check=False, timeout=PATIENCE_S, **(given | options))


def shell(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Through sh, where the program is "$@"."""
    return subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, *arguments],
        check=False,
        timeout=PATIENCE_S,
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(),
    )


@contextmanager
def started(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """While it runs; killed if it does not end by itself."""
    given: dict[str, Any] = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "stdin": subprocess.DEVNULL,
        "text": True,
        "cwd": "/",
        "env": environment(),
    }
    with subprocess.Popen([*COMMAND, *arguments], **(given | options)) as process:
        try:
            yield process
        finally:
            process.kill()
