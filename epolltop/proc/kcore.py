"""/proc/kcore: the kernel's memory, of which nothing is read here.

Format: proc_kcore(5).
"""

from __future__ import annotations

import errno
import os

from epolltop.own_process.privileges import Capability, has


def locked() -> bool:
    """Whether the kernel keeps its memory from a thread that has the capability for it.

    Only lockdown=confidentiality does; modes of the file and security modules refuse with EACCES.
    """
    try:
        os.close(os.open("/proc/kcore", os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno == errno.EPERM and has(Capability.SYS_RAWIO)
    return False
