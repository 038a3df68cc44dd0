"""The thread that empties the perf buffer.

It runs on a timer, because events wake nobody (each wake-up would cost the traced program 6 us), and in a thread,
because one `consume` may last over a second in a storm. It only appends bytes; `take`'s caller decodes them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from epolltop.bcc.kept_capabilities import listening
from epolltop.bcc.records import Records
from epolltop.own_process.privileges import keep_only

INTERVAL_S = 0.1
"""A CPU's buffer of 4 MB holds about 40,000 events: a second at the full detail rate of one process."""


class Drain:
    """Owns the records between the perf buffer and `take`."""

    def __init__(self, consume: Callable[[], None], most: int) -> None:
        """Starts nothing yet.

        Args:
            consume: hands all records of the buffer to `receive`.
            most: records kept until they are taken. Beyond that the buffer fills up and the kernel counts what it
                loses: a backlog without a limit would outlive the storm.
        """
        self._consume = consume
        self._most = most
        self._taken = threading.Event()
        self._records = Records()
        self._filling = threading.Lock()
        self._failure: Exception | None = None
        self._stop = False
        self._wake = threading.Event()
        self._turned = threading.Condition()
        self._turns = 0
        self._thread = threading.Thread(target=self._run, name="perf-buffer", daemon=True)

    def receive(self, record: bytes) -> None:
        """Called by consume, in the drain's thread."""
        while len(self._records) >= self._most and not self._stop:
            self._taken.wait(INTERVAL_S)  # with a limit, because a take may come just before
            self._taken.clear()
        with self._filling:
            self._records.append(record)

    def start(self) -> None:
        """Starts emptying the buffer."""
        self._thread.start()

    def take(self, timeout_s: float = 0.25) -> Records:
        """Returns what came since the last call, in the order of each CPU.

        Waits for one complete turn of the thread, so that the answer has everything submitted before the call, unless
        a storm keeps the turn from ending within the timeout, or brings more than is kept.

        Raises:
            Exception: why emptying the buffer failed since. The thread tries again, and raising loses nothing.
        """
        deadline = time.monotonic() + timeout_s
        with self._turned:
            wanted = self._turns + 2  # the current turn may be past some buffer already
            while self._turns < wanted and len(self._records) < self._most and self._thread.is_alive():
                self._wake.set()
                if not self._turned.wait(deadline - time.monotonic()):
                    break
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        with self._filling:
            taken, self._records = self._records, Records()
        self._taken.set()
        return taken

    def stop(self, timeout_s: float = 1.0) -> bool:
        """Ends the thread; False if a storm still keeps it busy."""
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
            except Exception as error:  # if the thread ended, its silence would look like no events
                self._failure = error
            with self._turned:
                self._turns += 1
                self._turned.notify_all()
            self._wake.wait(INTERVAL_S)
