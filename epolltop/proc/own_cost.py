"""What epolltop itself uses, for the person who pays for it: /proc/self/statm, and getrusage(2)."""

from __future__ import annotations

import os
import resource

from epolltop.model.batch import Cost
from epolltop.proc.reading import head

_PAGE = os.sysconf("SC_PAGE_SIZE")


def own_cost() -> Cost:
    """CPU time of all threads since the program started, and resident memory now (about 10 µs).

    The CPU time includes user and system time, but not children. If /proc is not mounted, the memory is the largest so
    far, from getrusage(2).
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    try:
        rss = int(head("/proc/self/statm", 256).split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        rss = usage.ru_maxrss * 1024
    return Cost(round((usage.ru_utime + usage.ru_stime) * 1e9), rss)
