"""What BPF and /proc call the same thing when epolltop runs in namespaces of its own.

The screen shows the pids of the /proc that epolltop and its user see. In a container, or after unshare(1), BPF knows
the same processes by other pids.
"""

from __future__ import annotations

from epolltop.errors import SourceUnavailable
from epolltop.proc.procfs import Procfs
from epolltop.proc.timens_offsets import boot_clock_is_shifted


def levels_up(procfs: Procfs) -> int | None:
    """How many levels the PID namespace of /proc is above epolltop's own; None if pids are the kernel's own.

    Raises:
        SourceUnavailable: /proc is not mounted, or belongs to a namespace in which epolltop has no pid.
    """
    numbers = procfs.own_ns_pids()
    if not numbers:
        raise SourceUnavailable("foreign_proc")
    up = len(numbers) - 1
    return up if up or not procfs.shows_machine() else None


def require_machine_clock() -> None:
    """Insists that epolltop's boot clock is the one that the kernel stamps events with.

    Raises:
        SourceUnavailable: epolltop is in a time namespace that shifts it.
    """
    if boot_clock_is_shifted():
        raise SourceUnavailable("time_namespace")
