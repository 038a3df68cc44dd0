"""/proc/PID/status: what a process is called in each PID namespace that contains it, and whose files it makes.

Format: proc_pid_status(5).
"""

from __future__ import annotations

from epolltop.proc.reading import head

_BYTES, _BYTES_MAX = 8192, 1 << 20
"""A group is up to 11 bytes of it, and a process may have 65,536."""


def ns_pids(root: str, pid: int) -> tuple[int, ...]:
    """Numbers of a process, from the namespace of the /proc tree down to its own.

    Nothing if it is gone, or the kernel does not say.
    """
    path = f"{root}/{pid}/status"
    status = head(path, _BYTES)
    if len(status) == _BYTES:  # a process of very many groups
        status = head(path, _BYTES_MAX)
    _, _, rest = status.partition(b"\nNSpid:\t")
    numbers, end, _ = rest.partition(b"\n")
    return tuple(map(int, numbers.split())) if end else ()


def maker(root: str, pid: int) -> int | None:
    """The user who owns the files that a process makes; None if it is gone."""
    _, _, rest = head(f"{root}/{pid}/status", _BYTES).partition(b"\nUid:\t")
    users, _, _ = rest.partition(b"\n")
    return int(users.split()[3]) if users else None
