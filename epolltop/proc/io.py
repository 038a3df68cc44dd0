"""/proc/PID/io: how often a process read and wrote files.

Format: proc_pid_io(5). Kernels without CONFIG_TASK_IO_ACCOUNTING do not have it.
"""

from __future__ import annotations

import re

from epolltop.proc.reading import head

_BYTES = 512
_CALLS = re.compile(rb"^syscr: (\d+)\nsyscw: (\d+)$", re.MULTILINE)


def file_calls(root: str, pid: int) -> tuple[int, int] | None:
    """Calls of read(2) and write(2) and their kinds, of all threads since the process began; 10 us.

    Returns:
        None if the kernel does not tell, or the process is gone or closed to us.
    """
    found = _CALLS.search(head(f"{root}/{pid}/io", _BYTES))
    return (int(found[1]), int(found[2])) if found else None
