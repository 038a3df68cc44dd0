"""Which PID namespace's numbers the screen shows: those of the /proc that epolltop, and whoever reads its screen, sees.

In a container, or after unshare(1), these are not the numbers by which BPF knows processes.
"""

from __future__ import annotations

from epolltop.errors import SourceUnavailable
from epolltop.proc.procfs import Procfs


def levels_up(procfs: Procfs) -> int | None:
    """How many levels the namespace of /proc is above epolltop's own; None where pids are the kernel's own.

    Raises:
        SourceUnavailable: /proc is not mounted, or shows a namespace in which epolltop has no number.
    """
    numbers = procfs.own_ns_pids()
    if not numbers:
        raise SourceUnavailable(
            "/proc does not show epolltop itself", "mount the /proc of its PID namespace: mount -t proc proc /proc"
        )
    up = len(numbers) - 1
    return up if up or not procfs.shows_machine() else None


def require_machine_clock() -> None:
    """Insists on the clock that the kernel stamps events with.

    Raises:
        SourceUnavailable: epolltop is in a time namespace that shifts it.
    """
    try:
        with open("/proc/self/timens_offsets", encoding="ascii") as offsets:
            shifted = any(line.startswith("boottime") and line.split()[1:] != ["0", "0"] for line in offsets)
    except OSError:
        shifted = False  # before Linux 5.6 there are no time namespaces
    if shifted:
        raise SourceUnavailable(
            "epolltop is in a time namespace whose boot clock is shifted",
            "run it in the machine's own: nsenter --time --target 1 epolltop",
        )
