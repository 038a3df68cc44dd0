"""/proc/PID/schedstat: how long, and how often, a thread ran; 5 µs on Linux 6.18.

Format: Documentation/scheduler/sched-stats.rst of the kernel.
"""

from __future__ import annotations

from epolltop.proc.reading import head

_BYTES = 64
"""Three numbers."""


def read_ran(root: str, thread: int) -> bytes:
    """A mark that is another one once the thread has run again; empty if the kernel does not tell.

    Args:
        root: of the /proc tree, or a directory of threads in it.
        thread: there.
    """
    ran = head(f"{root}/{thread}/schedstat", _BYTES)
    return b"" if ran.startswith(b"0 ") else ran  # a kernel without these statistics has zeros
