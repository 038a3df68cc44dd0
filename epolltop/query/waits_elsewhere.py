"""The words for where threads wait if not in epoll."""

from __future__ import annotations

from epolltop.model.thread_waits import ThreadWaits
from epolltop.text.numbers import plural


def where(waits: ThreadWaits) -> str:
    """As "in poll (1 thread), io_uring (2 threads)"; empty if they wait in none of these."""
    calls = [f"{call} ({plural(number, 'thread')})" for call, number in waits._asdict().items() if number]
    return f"in {', '.join(calls)}" if calls else ""
