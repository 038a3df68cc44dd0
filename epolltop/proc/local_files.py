"""Opens files of strangers by links of /proc, without waiting for anybody: a file server or a lease."""

from __future__ import annotations

import os
from collections.abc import Callable
from stat import S_ISREG

from epolltop.own_process.descriptors import opened_anew
from epolltop.own_process.pace import Deadline
from epolltop.proc.mountinfo import Mounts


def opened_if_local(link: str, pid: int, mounts: Mounts, deadline: Deadline, still_theirs: Callable[[], bool]) -> int:
    """A descriptor of the file behind a link that the kernel follows without a path.

    Args:
        link: of /proc. Its file was on a local file system when its process was asked.
        pid: of that process.
        mounts: that it sees.
        deadline: for reading the list of mounts.
        still_theirs: whether the link still belongs to the program that was asked.

    Raises:
        PermissionError: it may not be opened.
        OSError: reading the file might block, it is no regular file, or the program is over.
    """
    file = os.open(link, os.O_PATH | os.O_CLOEXEC)
    try:
        # Checked again with the file in hand: it may be another one by now.
        local = mounts.lead_to_local(pid, file, deadline)
        if not local or not still_theirs() or not S_ISREG(os.fstat(file).st_mode):
            raise FileNotFoundError(link)
        return opened_anew(file, os.O_RDONLY | os.O_NONBLOCK)
    finally:
        os.close(file)
