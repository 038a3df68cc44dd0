"""One pass of an iterator, read in parts, so that the caller can do something else in between."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

_READ_BYTES = 1 << 16
"""Twice what the kernel returns at once."""


class IteratorPass:
    """A pass that has begun."""

    def __init__(self, begin: Callable[[], io.FileIO]) -> None:
        """Starts the iterator; reads nothing yet.

        Raises:
            OSError: the kernel refused.
        """
        self._file = begin()
        self._octets = bytearray()

    def go_on(self, until: float) -> bytes | bytearray | None:
        """Reads on; returns all of the pass once it is complete, None if time is up before.

        A part takes 0.2 s at most: after a million descriptors the kernel returns, even with nothing.

        Args:
            until: by time.monotonic().

        Raises:
            OSError: the kernel failed.
        """
        while (part := self._file.read(_READ_BYTES)) != b"":
            self._octets += part or b""  # None: EAGAIN, nothing found so far
            if time.monotonic() >= until:
                return None
        self._file.close()
        return self._octets
