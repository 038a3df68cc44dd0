"""/proc/PID/limits: how many descriptors a process may open.

Format: proc_pid_limits(5).
"""

from __future__ import annotations

from epolltop.proc.reading import head

_BYTES = 4096


def fd_limit(root: str, pid: int) -> int | None:
    """The soft limit of open files; None if there is none, or the process is gone or closed to us."""
    _, _, rest = head(f"{root}/{pid}/limits", _BYTES).partition(b"\nMax open files")
    soft = rest.split(None, 1)[0] if rest.strip() else b""
    return int(soft) if soft.isdigit() else None
