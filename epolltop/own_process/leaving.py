"""The one way out: the process ends within two seconds of being asked to, whatever else it does.

A signal asks, or a terminal or pipe that is gone, or a front end that has finished. First the front end is told, and
ends in order: it restores the terminal, closes files, detaches probes. Whatever has not ended after GRACE_S ends with
the process, and the kernel detaches what depends on descriptors. A second request ends the process at once.

The interpreter runs a signal's handler between two instructions of the main thread, which may be blocked in a write, a
lock or a library. So the handlers do nothing here. The C function beneath them writes the signal's number to a pipe,
whichever thread it interrupts, and a thread of its own reads it, which waits only for the interpreter's lock.
"""

from __future__ import annotations

import collections
import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn

GRACE_S = 1.5
"""Time for ending in order. With the time the process itself takes to end, it is below two seconds."""
HANDED_BACK_S = 0.3
"""After it, the terminal is restored even if the screen is still busy. Mostly it takes a tenth of that."""
AGAIN_S = 0.25
"""Signals within it count as one: timeout(1) and sudo send theirs twice, to the process and to its group."""
SIGNALLED = 128
INTERRUPTED, HUNG_UP = SIGNALLED + signal.SIGINT, SIGNALLED + signal.SIGHUP
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TURN = 0  # no signal's number: the thread has something new to look at

Stop = Callable[[int], object]
"""Stops a front end; called with the exit code, not in the front end's thread."""


class Leaving:
    """The way out of this process; there is one."""

    def __init__(self) -> None:
        """Listens to nothing yet."""
        self.code: int | None = None
        """The exit code; None while nobody has asked."""
        self.interrupted = INTERRUPTED
        """The exit code after SIGINT. For the screen and a recording it is the ordinary way to leave: 0."""
        self.asked = os.eventfd(0)
        """A descriptor that becomes readable when somebody asks, for poll(2)."""
        self._read, self._write = os.pipe()
        self._stop: Stop | None = None
        self._hand_back: Callable[[], object] = lambda: None
        self._watched: dict[int, int] = {}
        self._asked_at = 0.0
        self._steps: collections.deque[Callable[[], object]] = collections.deque()
        self._handed_back = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """From here on, signals end the process. Ignored ones stay ignored: nohup(1), a background job of a script.

        Raises:
            RuntimeError: no thread can be started.
        """
        for end in (self._read, self._write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        threading.Thread(target=self._heed, name="leaving", daemon=True).start()
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: None)

    def tell(self, stop: Stop) -> None:
        """Sets the front end to stop, which then has GRACE_S. Before this call a signal ends the process at once."""
        with self._lock:
            self._stop = stop
            code = self.code
        if code is not None:
            _call(stop, code)

    def hand_back(self, hand_back: Callable[[], object]) -> None:
        """Sets what restores the terminal before the process ends, or if the screen does not within HANDED_BACK_S."""
        self._hand_back = hand_back

    def watch(self, descriptor: int) -> None:
        """Leaves when the other end is gone: with 0 if it was a pipe, as after SIGHUP if it was a terminal."""
        self._watched = {**self._watched, descriptor: HUNG_UP if os.isatty(descriptor) else 0}
        self._turn()

    def do(self, step: Callable[[], object]) -> None:
        """Has this thread run a step soon, such as giving up its rights.

        Not at its start: when a replay becomes another user, libc makes each thread do so, and ends the process if one
        of them may not.
        """
        self._steps.append(step)
        self._turn()

    def ask(self, code: int) -> None:
        """Begins to leave, from any thread; the first call decides the exit code."""
        with self._lock:
            if self.code is not None:
                return
            self.code, self._asked_at, stop = code, time.monotonic(), self._stop
        os.eventfd_write(self.asked, 1)
        self._turn()
        if stop is not None:
            _call(stop, code)

    def go(self, code: int) -> NoReturn:
        """Ends the process at once, without waiting for any thread."""
        self._give_back()
        os._exit(code)

    def _turn(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is full, and what is in it wakes the thread just as well
            os.write(self._write, bytes((_TURN,)))

    def _heed(self) -> None:
        while True:
            for number in self._next():
                if number in _SIGNALS:
                    self._signalled(number)
            while self._steps:
                self._steps.popleft()()
            if self.code is None:
                continue
            waited = time.monotonic() - self._asked_at
            if waited >= GRACE_S:
                self.go(self.code)
            if waited >= HANDED_BACK_S:
                self._give_back()

    def _next(self) -> bytes:
        """Waits for signals and returns their numbers; none if there is something else to do."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        if self.code is None:
            for descriptor in self._watched:
                poll.register(descriptor, 0)  # hang-up and error are always told
        for descriptor, _ in poll.poll(self._patience_ms()):
            if descriptor != self._read:
                self.ask(self._watched[descriptor])
        try:
            return os.read(self._read, select.PIPE_BUF)
        except BlockingIOError:
            return b""

    def _patience_ms(self) -> float | None:
        if self.code is None:
            return None
        due = self._asked_at + (GRACE_S if self._handed_back else HANDED_BACK_S)
        return max(0.0, due - time.monotonic()) * 1000 + 1

    def _signalled(self, number: int) -> None:
        code = self.interrupted if number == signal.SIGINT else SIGNALLED + number
        if self.code is None:
            self.ask(code)
            if self._stop is None:
                self.go(code)
        elif time.monotonic() - self._asked_at > AGAIN_S:
            self.go(self.code)

    def _give_back(self) -> None:
        self._handed_back = True
        with contextlib.suppress(Exception):  # whatever it raises, this thread must go on
            self._hand_back()


def _call(stop: Stop, code: int) -> None:
    with contextlib.suppress(RuntimeError):  # its event loop is closed: it has ended
        stop(code)
