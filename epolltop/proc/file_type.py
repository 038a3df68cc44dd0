"""The type and the identity of a file behind a link of /proc, from memory: statx(2) that asks no file server.

stat(2) waits for the server of a file, if another machine or a program (FUSE) serves it.
"""

from __future__ import annotations

import ctypes
import functools
import os
import socket
import struct
from typing import NamedTuple

_AT_FDCWD, _AT_STATX_DONT_SYNC = -100, 0x4000
_TYPE, _INO = 0x1, 0x100
_STATX = struct.Struct("=28xH2xQ88xIIII112x")  # mode, inode, device numbers of the file and of its file system
_statx = getattr(ctypes.CDLL(None, use_errno=True), "statx", None)  # glibc 2.28, musl 1.2.3


class FileType(NamedTuple):
    """What the kernel remembers of a file."""

    mode: int
    """Of which only the type counts, see stat(3)."""
    inode: int
    device: int
    """As st_dev."""
    major: int
    """Of the device that the file stands for."""


class KernelDevices(NamedTuple):
    """File systems that the kernel has for itself, as st_dev."""

    sockets: int
    pipes: int
    anonymous: int
    """Of eventfd, timerfd and others like them, most of which have one inode in common."""


@functools.cache
def kernel_devices() -> KernelDevices:
    """They stay the same until the machine stops."""
    read, write = os.pipe()
    eventfd = os.eventfd(0)
    try:
        with socket.socket(socket.AF_UNIX) as unix:
            return KernelDevices(*(os.fstat(each).st_dev for each in (unix.fileno(), read, eventfd)))
    finally:
        for each in (read, write, eventfd):
            os.close(each)


def file_type(path: str) -> FileType | None:
    """Follows the path; None if it leads nowhere or the file may not be looked at, or the C library is too old."""
    found = ctypes.create_string_buffer(_STATX.size)
    if _statx is None or _statx(_AT_FDCWD, os.fsencode(path), _AT_STATX_DONT_SYNC, _TYPE | _INO, found) < 0:
        return None
    mode, inode, major, _, file_system_major, file_system_minor = _STATX.unpack(found.raw)
    return FileType(mode, inode, os.makedev(file_system_major, file_system_minor), major)
