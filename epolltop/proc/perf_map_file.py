"""/tmp/perf-PID.map: names of the code that a process made at run time, as it wrote them down.

/tmp is a directory for everybody, and whoever looks up a name there may find a stranger's link, FIFO or lie. So the map
counts only if it is a plain file of the process' own user or of root, with this one name, in which nobody else may
write, not even its group. It is looked for where the process sees it: below its own root, and with its own number
there.

Format: tools/perf/Documentation/jit-interface.txt of the kernel.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from epolltop.own_process.descriptors import opened_anew
from epolltop.own_process.pace import Deadline
from epolltop.proc.cached_paths import entry, followed, root_of
from epolltop.proc.mountinfo import Mounts
from epolltop.proc.status import maker, ns_pids

_ROOT_USER = 0
_WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def open_perf_map(pid: int, mounts: Mounts, deadline: Deadline, still_theirs: Callable[[], bool]) -> int:
    """A descriptor of the map of a process; never waits for a file server or a lease.

    Args:
        pid: of the process.
        mounts: that it sees.
        deadline: for reading the list of mounts.
        still_theirs: whether the pid still belongs to the program that was asked.

    Raises:
        OSError: there is none, it may be somebody else's, reading it might block, or the program is over.
    """
    numbers, user = ns_pids("/proc", pid), maker("/proc", pid)
    with root_of("/proc", pid) as top, followed(top, b"tmp") as directory:
        if not numbers or not still_theirs() or not mounts.lead_to_local(pid, directory, deadline):
            raise FileNotFoundError("perf map")
        with entry(directory, b"perf-%d.map" % numbers[-1]) as file:
            about = os.fstat(file)
            plain = stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and not about.st_mode & _WRITTEN_BY_OTHERS
            if not plain or about.st_uid not in (user, _ROOT_USER):
                raise PermissionError(errno.EACCES, "perf map")
            return opened_anew(file, os.O_RDONLY | os.O_NONBLOCK)
