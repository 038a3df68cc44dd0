"""/proc/PID/mem: the memory of a program. It takes the right to attach to the process (PTRACE_MODE_ATTACH_FSCREDS)."""

from __future__ import annotations

import errno
import os

from epolltop.proc.reading import CLOSED

_ADDRESS_MAX = (1 << 63) - 1
_UNMAPPED = errno.EIO


def read_memory(root: str, thread: int, address: int, size: int) -> bytes:
    """Some bytes at an address; fewer or none if the program has none there, is gone, or is closed to us.

    Args:
        root: of the /proc tree, or a directory of threads in it.
        thread: there.
        address: as the program has it.
        size: in bytes.

    Raises:
        OSError: epolltop lacks something, such as a free descriptor.
    """
    if address > _ADDRESS_MAX:
        return b""
    try:
        file = os.open(f"{root}/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except CLOSED:
        return b""
    try:
        return os.pread(file, size, address)
    except OSError as error:
        if error.errno != _UNMAPPED:
            raise
        return b""
    finally:
        os.close(file)
