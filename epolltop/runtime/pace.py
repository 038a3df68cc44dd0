"""The clock of observation, and work kept within its share of it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Done = TypeVar("Done")


class Pace:
    """Keeps work that is repeated within its share of time: what took long is not done again soon."""

    def __init__(self, share: float, spent_ns: Callable[[], int], longest_s: float = math.inf) -> None:
        """Work that has not been done yet is due.

        Args:
            share: of time, that the work may take.
            spent_ns: the clock that says how much it took. The thread's CPU time, if it is a core that is to be spared:
                what the machine slept is no work. A clock of the machine, if somebody waits meanwhile.
            longest_s: that is waited, whatever the work took.
        """
        self._share = share
        self._longest_s = longest_s
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
        self._due_ns = now_ns() + int(min((self._spent_ns() - before_ns) / self._share, self._longest_s * 1e9))
        return done


class Deadline:
    """Until when work may go on that somebody waits for. Loops ask it, because a stranger decides how long they are."""

    def __init__(self, seconds: float) -> None:
        """From now on; none are left if negative."""
        self._at = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() > self._at

    def require(self) -> None:
        """Goes on.

        Raises:
            TimeoutError: no time is left.
        """
        if self.is_over:
            raise TimeoutError


class Allowance:
    """Time for work that may be left half done: a share of all that passes. What is not needed is saved, up to a limit.

    Who overdraws pays it back, so that the share holds however often the work is asked for.
    """

    def __init__(self, share: float, most_s: float) -> None:
        """Begins with all that may be saved."""
        self._share, self._most_s = share, most_s
        self._left_s, self._since = most_s, time.monotonic()

    @contextlib.contextmanager
    def spend(self) -> Iterator[Deadline]:
        """Until when the work within may go on; its time is taken from what is left."""
        began = time.monotonic()
        self._left_s = min(self._most_s, self._left_s + (began - self._since) * self._share)
        try:
            yield Deadline(self._left_s)
        finally:
            self._since = time.monotonic()
            self._left_s -= self._since - began


def now_ns() -> int:
    """The boot clock."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
