"""/proc/self/timens_offsets: how far the clocks of epolltop's time namespace are from the machine's.

Format: time_namespaces(7).
"""

from __future__ import annotations

from epolltop.proc.reading import head


def boot_clock_is_shifted() -> bool:
    """Whether the clock differs that the kernel stamps events with. Before Linux 5.6 there are no time namespaces."""
    lines = head("/proc/self/timens_offsets", 4096).splitlines()
    return any(line.startswith(b"boottime") and line.split()[1:] != [b"0", b"0"] for line in lines)
