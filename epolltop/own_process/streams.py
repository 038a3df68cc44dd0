"""Writes to stdout and stderr: everything is written, or an error is raised; leaving waits only briefly for a reader.

Data is always UTF-8, as in files. Text for people is in the encoding of stdout, or in ASCII if that lacks our signs.
Python's own streams are not used: an unbuffered one drops what a short write did not take.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
import time
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from epolltop.own_process.leaving import HUNG_UP, Leaving
from epolltop.text.glyphs import can_be_shown_in

NO_ROOM_S = 0.5
"""How long leaving waits for a reader that takes nothing."""
_LITTLE_ROOM_S = 0.01
"""Pause before a terminal is tried again that has room, but not for a line feed."""
_AT_ONCE = select.PIPE_BUF
"""What a pipe with any room takes without blocking."""


if TYPE_CHECKING:
    from typing_extensions import Buffer


class Gone(Exception):
    """The reader is gone or takes no more, and we leave; the exit code says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Stdout:
    """Where output goes. Its descriptor is a copy, because descriptor 1 is redirected while native code runs."""

    def __init__(self, leaving: Leaving) -> None:
        """Finds out what stdout is.

        Args:
            leaving: ends the wait for a reader.
        """
        self._leaving = leaving
        self._is_closed = sys.stdout is None
        self._descriptor = os.dup(1)
        self._encoding = _encoding(sys.stdout)
        self.is_terminal = not self._is_closed and os.isatty(self._descriptor)
        self.is_ascii = not can_be_shown_in(self._encoding)
        """Its encoding lacks some of our signs."""
        self._room, self._room_or_asked = select.poll(), select.poll()
        for poll in (self._room, self._room_or_asked):
            poll.register(self._descriptor, select.POLLOUT)
        self._room_or_asked.register(leaving.asked, select.POLLIN)

    def watch(self) -> None:
        """Leaves when the reader is gone, even while there is nothing to write."""
        if not self._is_closed:
            self._leaving.watch(self._descriptor)

    def text(self, text: str) -> None:
        """Writes text for people; raises what `write` raises."""
        self.write(text.encode(self._encoding, "backslashreplace"))

    def data(self, text: str) -> None:
        """Writes data for programs; raises what `write` raises."""
        self.write(text.encode("utf-8", "backslashreplace"))

    def write(self, content: bytes) -> int:
        """Writes all of it.

        Raises:
            Gone: the reader is gone.
            OSError: named stdout; it is full, or was closed from the beginning.
        """
        if content:
            self._require_open()
        left = memoryview(content)
        while left:
            self._wait_for_room()
            try:
                left = left[os.write(self._descriptor, left[:_AT_ONCE]) :]
            except BlockingIOError:
                if self._leaving.code is not None:
                    raise Gone(self._leaving.code) from None
                time.sleep(_LITTLE_ROOM_S)
            except BrokenPipeError:
                raise Gone(0) from None
            except OSError as error:
                if self.is_terminal and error.errno == errno.EIO:
                    raise Gone(HUNG_UP) from None
                raise OSError(error.errno, error.strerror, "stdout") from None
        return len(content)

    def opened(self) -> BinaryIO:
        """Stdout as an unbuffered file, which raises what `write` raises.

        Raises:
            OSError: stdout was closed from the beginning.
        """
        self._require_open()
        return cast("BinaryIO", _Unbuffered(self))

    def _require_open(self) -> None:
        if self._is_closed:
            raise OSError(errno.EBADF, "closed", "stdout")

    def _wait_for_room(self) -> None:
        if self._leaving.code is None:
            self._room_or_asked.poll()
        if self._leaving.code is not None and not self._room.poll(NO_ROOM_S * 1000):
            raise Gone(self._leaving.code)


class _Unbuffered(io.RawIOBase):
    def __init__(self, stdout: Stdout) -> None:
        self._stdout = stdout

    def writable(self) -> bool:
        return True

    def write(self, content: Buffer, /) -> int:
        return self._stdout.write(bytes(content))


def say(text: str) -> None:
    """Writes a line to stderr; does nothing if that is not possible."""
    left = memoryview(f"{text}\n".encode(_encoding(sys.stderr), "backslashreplace"))
    with contextlib.suppress(OSError):
        while left and sys.stderr is not None:
            left = left[os.write(2, left) :]


def _encoding(stream: TextIO | None) -> str:
    return stream.encoding if stream is not None else "utf-8"
