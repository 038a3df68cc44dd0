"""The thread that empties the perf buffer.

It runs on a timer, because events wake nobody (a wake-up per event would cost the traced program 6 us each), and in a
thread, because one `consume` may last over a second in a storm. It only appends bytes; decoding happens where they are
taken.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

from epolltop.bcc.needs import listening
from epolltop.runtime.privileges import keep_only

INTERVAL_S = 0.1
"""A CPU's buffer of 4 MB holds about 40,000 events: a second at the full detail rate of one process."""


class Drain:
    """Owns the records between the perf buffer and `take`."""

    def __init__(self, consume: Callable[[], None], most: int) -> None:
        """Begins nothing yet.

        Args:
            consume: hands all records of the buffer to `receive`.
            most: records kept until they are taken. Then the buffer fills, and the kernel counts what it loses: a
                backlog that grew with a storm would outlive it.
        """
        self._consume = consume
        self._most = most
        self._taken = threading.Event()
        # A deque, because append and popleft are each atomic: a list that is swapped could lose an append under way.
        self._records: collections.deque[bytes] = collections.deque()
        self._failure: Exception | None = None
        self._stop = False
        self._wake = threading.Event()
        self._turned = threading.Condition()
        self._turns = 0
        self._thread = threading.Thread(target=self._run, name="perf-buffer", daemon=True)

    def receive(self, record: bytes) -> None:
        """Called by consume, in this thread."""
        while len(self._records) >= self._most and not self._stop:
            self._taken.wait(INTERVAL_S)  # with a limit, because a take may come just before
            self._taken.clear()
        self._records.append(record)

    def start(self) -> None:
        """From here on the buffer is emptied."""
        self._thread.start()

    def take(self, timeout_s: float = 0.25) -> list[bytes]:
        """What came since the last call, in the order of each CPU.

        Waits for one whole turn of the thread, so that everything submitted before the call is in the answer, unless a
        storm keeps the turn from ending within the timeout, or brought more than is kept.

        Raises:
            Exception: what emptying the buffer failed of since. It is tried again, and nothing is lost by raising.
        """
        deadline = time.monotonic() + timeout_s
        with self._turned:
            wanted = self._turns + 2  # the turn under way may have passed a buffer already
            while self._turns < wanted and len(self._records) < self._most and self._thread.is_alive():
                self._wake.set()
                if not self._turned.wait(deadline - time.monotonic()):
                    break
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        taken = [self._records.popleft() for _ in range(len(self._records))]
        self._taken.set()
        return taken

    def stop(self, timeout_s: float = 1.0) -> bool:
        """Ends the thread; False if a storm still holds it."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        keep_only(listening())
        while not self._stop:
            self._wake.clear()
            try:
                self._consume()
            except Exception as error:  # a thread that ends would be taken for silence
                self._failure = error
            with self._turned:
                self._turns += 1
                self._turned.notify_all()
            self._wake.wait(INTERVAL_S)
