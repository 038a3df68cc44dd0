"""One pass of the task_file iterator, read in parts, so that whoever reads can do something else in between."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

_READ_BYTES = 1 << 16
"""Twice of what the kernel gives at once."""


class IteratorPass:
    """A pass that is under way."""

    def __init__(self, begin: Callable[[], io.FileIO]) -> None:
        """Reads nothing yet.

        Raises:
            OSError: the kernel refused.
        """
        self._file = begin()
        self._parts: list[bytes] = []

    def go_on(self, until: float) -> bytes | None:
        """All of it; None if it is not over by then, and this is to be called again.

        A part takes 0.2 s at most: then the kernel has visited a million descriptors, and answers, if with nothing.

        Args:
            until: by time.monotonic().

        Raises:
            OSError: the kernel failed.
        """
        while (part := self._file.read(_READ_BYTES)) != b"":
            self._parts.append(part or b"")  # None: EAGAIN, there was nothing to tell so far
            if time.monotonic() >= until:
                return None
        self._file.close()
        return b"".join(self._parts)
