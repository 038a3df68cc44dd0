"""/proc/sys: settings of the kernel.

Format: proc_sys_kernel(5).
"""

from __future__ import annotations

from epolltop.proc.reading import head


def perf_event_paranoid() -> int | None:
    """Who may use perf events: the higher, the fewer. None if the kernel does not tell us."""
    try:
        return int(head("/proc/sys/kernel/perf_event_paranoid", 64))
    except (OSError, ValueError):
        return None
