"""The clock of observation, and limits on how much time work may take."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Done = TypeVar("Done")


class Pace:
    """Keeps repeated work within its share of time: work that took long is not repeated soon."""

    def __init__(self, share: float, spent_ns: Callable[[], int], longest_s: float = math.inf) -> None:
        """The work is due at first.

        Args:
            share: of time that the work may take.
            spent_ns: the clock that measures the work. The thread's CPU time, to spare a core: time that the machine
                slept is no work. A clock of the machine, if somebody else waits meanwhile.
            longest_s: the longest pause, however long the work took.
        """
        self._share = share
        self._longest_s = longest_s
        self._spent_ns = spent_ns
        self._due_ns = 0

    @property
    def is_due(self) -> bool:
        """Whether the work may run now."""
        return now_ns() >= self._due_ns

    def run(self, work: Callable[[], Done]) -> Done | None:
        """Runs the work if it is due; None if it is not."""
        if not self.is_due:
            return None
        before_ns = self._spent_ns()
        done = work()
        self._due_ns = now_ns() + int(min((self._spent_ns() - before_ns) / self._share, self._longest_s * 1e9))
        return done


class Deadline:
    """The end of the time for work that somebody waits for. Loops check it if strangers decide their length."""

    def __init__(self, seconds: float) -> None:
        """Counts from now; a negative number is over at once."""
        self._at = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() > self._at

    def require(self) -> None:
        """Returns while time is left.

        Raises:
            TimeoutError: no time is left.
        """
        if self.is_over:
            raise TimeoutError

    def require_for(self, seconds: float) -> None:
        """Returns if as much time is left: work that would not end in time is better not begun.

        Raises:
            TimeoutError: less time is left.
        """
        if self._left_s < seconds:
            raise TimeoutError

    def half(self) -> Deadline:
        """For one of several who need time: half of what is left."""
        return Deadline(self._left_s / 2)

    @property
    def _left_s(self) -> float:
        return self._at - time.monotonic()


class Allowance:
    """Time for work that may stop half way or wait: a share of all time. Unused time is saved, up to a limit.

    Overdrawn time is paid back, so the share holds however often the work is asked for.
    """

    def __init__(self, share: float, most_s: float) -> None:
        """Begins with the most that can be saved."""
        self._share, self._most_s = share, most_s
        self._left_s, self._since = most_s, time.monotonic()

    @contextlib.contextmanager
    def spend(self) -> Iterator[Deadline]:
        """Yields the deadline of the work within, and charges the time it took."""
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
