"""The terminal as a stream that never blocks, and that is always given back, whatever happens to the screen.

If nobody reads the other end of a terminal (the network is down, the window is stopped), it takes no more after some
kilobytes. Then frames are left out, and the screen is drawn anew when the terminal takes data again.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import termios
import threading
import time
from collections.abc import Callable
from typing import Any

from epolltop.own_process.descriptors import opened_anew

STALLED_S = 0.25
"""A terminal that took nothing for this long counts as stalled."""
_LITTLE_ROOM_S = 0.01
"""Then it is asked again: it has room, as poll(2) says, but less than a line feed takes."""
_CANCEL = "\x18"  # ends whatever escape sequence was cut off
_GIVEN_BACK = (
    _CANCEL
    + "\x1b[?2026l"  # shows at once what is drawn
    + "".join(f"\x1b[?{mode}l" for mode in (1000, 1003, 1006, 1015, 1016, 1004, 2004, 2048))  # no mouse, no reports
    + "\x1b[0m\x1b[?7h"  # no colours, long lines wrap
    + "\x1b[<u"  # keys as they were
    + "\x1b[?1049l\x1b[?25h"  # the screen before, with a cursor
)


class Terminal(io.TextIOBase):
    """Textual draws on it in a thread of its own."""

    encoding = "utf-8"

    def __init__(self) -> None:
        """Draws nothing yet."""
        self._descriptor = _opened_anew(1)
        self._settings = _settings(0)
        self._lock = threading.Lock()
        self._is_drawn_on = self._is_stalled = self._is_over = False
        self.takes_again: Callable[[], object] = lambda: None
        """Called, in another thread, when it takes something after it took nothing."""

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        """Draws the text, or leaves it out."""
        with self._lock:
            if not (self._is_stalled or self._is_over):
                self._is_drawn_on = True
                self._is_stalled = not self._draw(text)
                if self._is_stalled:
                    threading.Thread(target=self._await_room, name="stalled-terminal", daemon=True).start()
        return len(text)

    def give_back(self) -> None:
        """As it was before the screen, which draws nothing any more. May be called twice, and from any thread."""
        if not self.close_screen():
            return
        # Who is in the background would be stopped by what follows.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        with contextlib.suppress(termios.error):
            if self._settings is not None:
                termios.tcsetattr(0, termios.TCSANOW, self._settings)
            if not self._has_room(0):  # what it did not take is in the way of what it must
                termios.tcflush(self._descriptor, termios.TCOFLUSH)
        self._draw(_GIVEN_BACK)

    def close_screen(self) -> bool:
        """Nothing is drawn any more; whether something may still have to be given back."""
        was_over, self._is_over = self._is_over, True  # without the lock: who holds it may wait for the terminal
        return self._is_drawn_on and not was_over

    @property
    def is_stalled(self) -> bool:
        """Whether it takes nothing."""
        return self._is_stalled

    def _draw(self, text: str) -> bool:
        """Whether it took all; True, too, if it has hung up and will never take anything."""
        left = memoryview(text.encode("utf-8", "backslashreplace"))
        patient_until = time.monotonic() + STALLED_S
        while left:
            if not self._has_room(STALLED_S) or time.monotonic() > patient_until:
                return False
            try:
                left = left[os.write(self._descriptor, left[: select.PIPE_BUF]) :]
            except BlockingIOError:
                time.sleep(_LITTLE_ROOM_S)
            except OSError:
                return True
            else:
                patient_until = time.monotonic() + STALLED_S
        return True

    def _has_room(self, patience_s: float | None) -> bool:
        room = select.poll()  # one for each call, since no two threads may wait with the same
        room.register(self._descriptor, select.POLLOUT)
        return bool(room.poll(None if patience_s is None else patience_s * 1000))

    def _await_room(self) -> None:
        self._has_room(None)
        with self._lock:
            self._is_stalled = not self._draw(_CANCEL)
        self.takes_again()


def _opened_anew(descriptor: int) -> int:
    """The same terminal, which only we do not wait for: others, such as our shell, share what stdout is."""
    try:
        return opened_anew(descriptor, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # another user's terminal: a write may have to wait
        return os.dup(descriptor)


def _settings(descriptor: int) -> list[Any] | None:
    try:
        return termios.tcgetattr(descriptor)
    except termios.error:
        return None
