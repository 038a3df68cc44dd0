"""/proc/PID/task: the threads of a process. Each has a directory /proc/TID of its own, too, which is not listed."""

from __future__ import annotations

import os


def is_single(root: str, pid: int) -> bool:
    """Whether a process has a single thread; 2 µs.

    Raises:
        FileNotFoundError, ProcessLookupError: it is gone.
        PermissionError: its threads may not be read.
    """
    return os.stat(threads_of(root, pid)).st_nlink == 3  # itself, its parent and a thread


def thread_ids(root: str, pid: int) -> list[int]:
    """All threads of a process, the main one included.

    Raises:
        FileNotFoundError, ProcessLookupError: it is gone.
        PermissionError: its threads may not be read.
    """
    return [pid] if is_single(root, pid) else [int(name) for name in os.listdir(threads_of(root, pid))]


def threads_of(root: str, pid: int) -> str:
    """The directory of the threads of a process, in which each has the files that the process has in the tree."""
    return f"{root}/{pid}/task"
