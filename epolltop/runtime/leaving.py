"""The one way out: whoever is asked to leave is gone within two seconds, whatever else the process does.

Being asked is a signal, a terminal or a pipe that is gone, or a front end that has done its work. First the front end
is told, and ends in order: the terminal goes back, files are closed, probes detached. What has not ended after GRACE_S
ends with the process: the kernel detaches what hangs on descriptors. Whoever is asked again leaves at once.

The interpreter runs a signal's handler between two instructions of the main thread, which may wait for a write, a lock
or a library. So handlers do nothing here. The C function beneath them writes the signal's number to a pipe whatever
thread it meets, and a thread of our own reads it, which waits for nothing else but the interpreter's lock.
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
"""For an end in order. With what a process takes to go it is less than two seconds."""
HANDED_BACK_S = 0.3
"""After it the terminal is given back over the head of a screen that is busy. Most leave it in a tenth of that."""
AGAIN_S = 0.25
"""Signals within it are one wish: timeout(1) and sudo send theirs twice, to the process and to its group."""
SIGNALLED = 128
INTERRUPTED, HUNG_UP = SIGNALLED + signal.SIGINT, SIGNALLED + signal.SIGHUP
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TURN = 0  # no signal's number: the thread has something new to look at

Stop = Callable[[int], object]
"""Has a front end stop; called with the exit code, in another thread than the front end's."""


class Leaving:
    """Of this process; there is one."""

    def __init__(self) -> None:
        """Listens to nothing yet."""
        self.code: int | None = None
        """With what it leaves; None: nobody has asked."""
        self.interrupted = INTERRUPTED
        """The exit code of SIGINT. The screen and a recording are left by it in the ordinary way: 0."""
        self.asked = os.eventfd(0)
        """A descriptor that can be read from when somebody has asked: for who waits by poll(2)."""
        self._read, self._write = os.pipe()
        self._stop: Stop | None = None
        self._hand_back: Callable[[], object] = lambda: None
        self._watched: dict[int, int] = {}
        self._asked_at = 0.0
        self._steps: collections.deque[Callable[[], object]] = collections.deque()
        self._handed_back = False
        self._lock = threading.Lock()

    def begin(self) -> None:
        """From here on signals end it. Those that were ignored stay so: nohup(1), a job in the background of a script.

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
        """Who is told, and has GRACE_S from then. As long as nobody is, a signal ends the process at once."""
        with self._lock:
            self._stop = stop
            code = self.code
        if code is not None:
            _call(stop, code)

    def hand_back(self, hand_back: Callable[[], object]) -> None:
        """Gives back the terminal before the process goes, or when the screen does not within HANDED_BACK_S."""
        self._hand_back = hand_back

    def watch(self, descriptor: int) -> None:
        """Leaves when nobody is at the other end any more: in order if it was a pipe, as hung up if a terminal."""
        self._watched = {**self._watched, descriptor: HUNG_UP if os.isatty(descriptor) else 0}
        self._turn()

    def do(self, step: Callable[[], object]) -> None:
        """Has the thread of this take a step soon, such as giving up its rights.

        Not from its start: while a replay becomes another user, libc has each thread do so, and ends the process if one
        may not.
        """
        self._steps.append(step)
        self._turn()

    def ask(self, code: int) -> None:
        """Begins to leave with that code, from any thread; the first who asks names it."""
        with self._lock:
            if self.code is not None:
                return
            self.code, self._asked_at, stop = code, time.monotonic(), self._stop
        os.eventfd_write(self.asked, 1)
        self._turn()
        if stop is not None:
            _call(stop, code)

    def go(self, code: int) -> NoReturn:
        """Ends the process: no thread is waited for, and nothing is left to be written."""
        self._give_back()
        os._exit(code)

    def _turn(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full of others that wake it just as well
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
        """Numbers of signals; none when it is time for something else."""
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
        with contextlib.suppress(Exception):  # whatever it is, this thread must go on to the end
            self._hand_back()


def _call(stop: Stop, code: int) -> None:
    with contextlib.suppress(RuntimeError):  # its event loop is closed: it has ended
        stop(code)
