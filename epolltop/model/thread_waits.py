"""Threads that wait for files elsewhere than in epoll."""

from __future__ import annotations

from typing import NamedTuple


class ThreadWaits(NamedTuple):
    """How many threads of a process slept in each call when they were looked at, one after the other."""

    poll: int = 0
    """In poll(2) or ppoll(2)."""
    select: int = 0
    """In select(2) or pselect(2)."""
    io_uring: int = 0
    """In io_uring_enter(2), for a completion."""
