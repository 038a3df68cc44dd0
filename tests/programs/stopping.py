"""Programs that stand still, so that what was counted of them is what it is."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Collection, Iterator

from tests.waiting import eventually


@contextlib.contextmanager
def stopped(pids: Collection[int]) -> Iterator[None]:
    """While none of their threads runs. A signal that stops a thread ends its wait first (signal(7))."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        eventually(lambda: {_state(tid) for tid in threads(pids)} == {"T"})
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def threads(pids: Collection[int]) -> set[int]:
    """All that these processes have now."""
    return {int(tid) for pid in pids for tid in os.listdir(f"/proc/{pid}/task")}


def _state(tid: int) -> str:
    with open(f"/proc/{tid}/stat", encoding="utf-8", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()[0]
