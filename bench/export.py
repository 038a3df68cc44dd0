"""What the live screen itself says it saw: it is asked to export."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import Any

from bench.table import Unmeasurable
from bench.terminal import Terminal, pump


def exported(screen: Terminal, directory: str, since: float, timeout_s: float = 20.0) -> dict[str, Any]:
    """The snapshot on screen, asked for again until it is about the time wanted.

    Args:
        screen: the live screen.
        directory: its working directory.
        since: seconds since the epoch; a screen that lags behind shows older things for a while.
        timeout_s: also for the writing, which takes some seconds with 100,000 instances.

    Raises:
        Unmeasurable: it exports nothing so young.
    """
    deadline = time.perf_counter() + timeout_s
    oldest = "nothing"
    while time.perf_counter() < deadline:
        screen.press(b"e")
        pump([screen], 1.1)  # the name of the file has a resolution of a second
        for path in sorted(Path(directory).glob("epolltop-*.json"), reverse=True):
            document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            oldest = document["taken_at"]
            if _seconds(oldest) >= since:
                return document
            break
    raise Unmeasurable(f"{timeout_s:g} s later the screen still exports {oldest}")


def _seconds(taken_at: str) -> float:
    at = datetime.datetime.strptime(taken_at, "%Y-%m-%dT%H:%M:%S.%fZ")
    return at.replace(tzinfo=datetime.timezone.utc).timestamp()
