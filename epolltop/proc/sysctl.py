"""/proc/sys: settings of the kernel.

Format: proc_sys_kernel(5).
"""

from __future__ import annotations

from epolltop.proc.reading import head


def perf_event_paranoid() -> int | None:
    """Who may use perf events: the higher, the fewer. None if the kernel does not tell us."""
    return _number("kernel/perf_event_paranoid")


def max_user_watches() -> int | None:
    """How many watches one user may have in all instances of the machine. None if the kernel does not tell us."""
    return _number("fs/epoll/max_user_watches")


def _number(name: str) -> int | None:
    try:
        return int(head(f"/proc/sys/{name}", 64))
    except (OSError, ValueError):
        return None
