"""What the live screen itself says it saw: it is asked to export."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bench.table import Unmeasurable
from bench.terminal import Terminal, pump


def exported(screen: Terminal, directory: str, timeout_s: float = 20.0) -> dict[str, Any]:
    """The snapshot on screen.

    Args:
        screen: the live screen.
        directory: its working directory, without an export so far.
        timeout_s: 100,000 instances take some seconds to write.

    Raises:
        Unmeasurable: it exports nothing.
    """
    screen.press(b"e")
    deadline = time.perf_counter() + timeout_s
    while time.perf_counter() < deadline:
        pump([screen], 0.05)
        for path in Path(directory).glob("epolltop-*.json"):
            answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return answer
    raise Unmeasurable("the screen exported nothing")
