"""The clock of observation, and work kept within its share of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Done = TypeVar("Done")


class Pace:
    """Keeps work that is repeated within its share of time: what took long is not done again soon."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._due_ns = 0

    @property
    def is_due(self) -> bool:
        """Whether the work may be done now."""
        return now_ns() >= self._due_ns

    def run(self, work: Callable[[], Done]) -> Done | None:
        """What the work gives; None if it is not due."""
        if not self.is_due:
            return None
        started_ns = now_ns()
        done = work()
        ended_ns = now_ns()
        self._due_ns = ended_ns + int((ended_ns - started_ns) / self._share)
        return done


def now_ns() -> int:
    """The boot clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
