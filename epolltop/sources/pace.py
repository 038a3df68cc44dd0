"""The clock of observation, and work kept within its share of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Done = TypeVar("Done")


class Pace:
    """Keeps work that is repeated within its share of time: what took long is not done again soon."""

    def __init__(self, share: float, spent_ns: Callable[[], int]) -> None:
        """Work that has not been done yet is due.

        Args:
            share: of time, that the work may take.
            spent_ns: the clock that says how much it took. The thread's CPU time, if it is a core that is to be spared:
                what the machine slept is no work. A clock of the machine, if somebody waits meanwhile.
        """
        self._share = share
        self._spent_ns = spent_ns
        self._due_ns = 0

    @property
    def is_due(self) -> bool:
        """Whether the work may be done now."""
        return now_ns() >= self._due_ns

    def run(self, work: Callable[[], Done]) -> Done | None:
        """What the work gives; None if it is not due."""
        if not self.is_due:
            return None
        before_ns = self._spent_ns()
        done = work()
        self._due_ns = now_ns() + int((self._spent_ns() - before_ns) / self._share)
        return done


def now_ns() -> int:
    """The boot clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
