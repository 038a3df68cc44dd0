"""Equal values as one object. Instances come by the hundred thousand, and their keys are few."""

from __future__ import annotations

import functools

from epolltop.model.instance import Thread
from epolltop.model.process import ProcessKey


@functools.lru_cache(1024)
def process_key(pid: int, start: int) -> ProcessKey:
    """Of 131,072 instances that few tasks created it saves 15 MB, and threads as much."""
    return ProcessKey(pid, start)


@functools.lru_cache(1024)
def thread(tid: int, name: str | None) -> Thread | None:
    """None if the number is not known."""
    return Thread(tid, name) if tid else None


@functools.lru_cache(4096)
def single(fd: int) -> tuple[int, ...]:
    """One descriptor. Of 131,072 instances of 100 processes it saves 12 MB."""
    return (fd,)


def forget_interned() -> None:
    """Lets go of all: after a flood they pin the memory around them."""
    for remembered in (process_key, thread, single):
        remembered.cache_clear()
