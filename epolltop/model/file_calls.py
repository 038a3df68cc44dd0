"""How often a process read and wrote files."""

from __future__ import annotations

from typing import NamedTuple

FILE_CALLS_MAX = 64
"""Processes of which one batch tells it, 10 µs each."""


class FileCalls(NamedTuple):
    """Of all threads of a process since it began."""

    at_ns: int
    """Boot clock: when they were counted."""
    reads: int
    """read(2) and its kind, whatever came of them; not recv(2), splice(2) and io_uring."""
    writes: int
    """write(2) and its kind; not send(2)."""
