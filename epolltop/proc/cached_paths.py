"""Follows paths that strangers may have built, without waiting for anybody.

The kernel goes only through what it has in memory (openat2(2), RESOLVE_CACHED, since Linux 5.12): it asks neither a
disk nor a server of files.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

_OPENAT2 = 437
_OPEN_HOW = struct.Struct("=QQQ")
_NO_XDEV, _NO_SYMLINKS, _BENEATH, _CACHED = 0x01, 0x04, 0x08, 0x20  # RESOLVE_*
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


@contextmanager
def entered(path: str) -> Iterator[int]:
    """A descriptor with O_PATH for a path of /proc, or for `/`.

    Raises:
        OSError: it is gone, or closed to us.
    """
    file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def root_of(tree: str, pid: int) -> AbstractContextManager[int]:
    """As `entered`, the root directory of a process in a tree of /proc."""
    return entered(f"{tree}/{pid}/root")


def followed(above: int, path: bytes) -> AbstractContextManager[int]:
    """A descriptor with O_PATH for a path below a directory, if all of it is in memory.

    Raises:
        OSError: it is not, or the kernel is older than 5.12.
    """
    return _opened(above, path.lstrip(b"/") or b".", _CACHED)


def entry(directory: int, name: bytes) -> AbstractContextManager[int]:
    """A descriptor with O_PATH for what a directory itself has: no link, and nothing that is mounted there.

    It reads the disk if it must: the directory's file system is local.

    Raises:
        OSError: there is no such entry.
    """
    return _opened(directory, name, _NO_XDEV | _NO_SYMLINKS | _BENEATH)


@contextmanager
def numbered(number: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> Iterator[int]:
    """A descriptor that a system call returns, while it is needed.

    Raises:
        OSError: it fails.
    """
    values = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    file = _syscall(ctypes.c_long(number), *values)
    if file < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    try:
        yield file
    finally:
        os.close(file)


def _opened(above: int, path: bytes, resolve: int) -> AbstractContextManager[int]:
    how = ctypes.create_string_buffer(_OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, resolve))
    return numbered(_OPENAT2, above, ctypes.create_string_buffer(path), how, _OPEN_HOW.size)
