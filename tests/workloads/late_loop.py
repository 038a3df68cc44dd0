"""A loop that waits once, and then stays away from its instance, in the way that its argument names."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import platform
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_USERFAULTFD = {"x86_64": 323, "aarch64": 282}[platform.machine()]
_EXIT = {"x86_64": 60, "aarch64": 93}[platform.machine()]
_SPIN = {"x86_64": b"\xeb\xfe", "aarch64": b"\0\0\0\x14"}[platform.machine()]
"""Machine code: a jump to itself, so that a function is at its first instruction."""
_UFFDIO_API, _UFFDIO_REGISTER = 0xC018AA3F, 0xC020AA00  # include/uapi/linux/userfaultfd.h
_UFFD_API, _MISSING = 0xAA, 1


def _read(leave: Callable[[], None]) -> None:
    ends = os.pipe()
    leave()
    os.read(ends[0], 1)


def _lock(leave: Callable[[], None]) -> None:
    lock = threading.Lock()
    lock.acquire()
    leave()
    lock.acquire()


def _connect(leave: Callable[[], None]) -> None:
    """To one that accepts nothing, and has as many connections waiting as it takes."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")
        listener.listen(0)
        waiting = []
        with contextlib.suppress(BlockingIOError):
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect(listener.getsockname())
        waiting[-1].setblocking(True)
        leave()
        waiting[-1].connect(listener.getsockname())


def _fault(leave: Callable[[], None]) -> None:
    """In memory that somebody else has to fill, who does not."""
    libc = ctypes.CDLL(None, use_errno=True)
    fault = libc.syscall(_USERFAULTFD, os.O_CLOEXEC)
    if fault < 0:
        sys.exit(f"userfaultfd: {os.strerror(ctypes.get_errno())}")
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for request, argument in (
        (_UFFDIO_API, struct.pack("QQQ", _UFFD_API, 0, 0)),
        (_UFFDIO_REGISTER, struct.pack("QQQQ", begin, mmap.PAGESIZE, _MISSING, 0)),
    ):
        if libc.ioctl(fault, ctypes.c_ulong(request), ctypes.create_string_buffer(argument)) < 0:
            sys.exit(f"userfaultfd: {os.strerror(ctypes.get_errno())}")
    leave()
    ctypes.string_at(begin, 1)


def _spin(leave: Callable[[], None]) -> None:
    leave()
    while True:
        pass


def _made(leave: Callable[[], None]) -> None:
    """In code that it made, of which it wrote a perf map."""
    access = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    memory = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, access)
    memory.write(_SPIN)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    Path(f"/tmp/perf-{os.getpid()}.map").write_text(f"{begin:x} {len(_SPIN):x} made\n", encoding="ascii")
    leave()
    ctypes.CFUNCTYPE(None)(begin)()


def _sleep(leave: Callable[[], None]) -> None:
    leave()
    time.sleep(3600)


def _exit(leave: Callable[[], None]) -> None:
    """Of this thread alone."""
    threading.Thread(target=time.sleep, args=(3600,)).start()
    leave()
    ctypes.CDLL(None).syscall(_EXIT, 0)


_WAYS = {
    "read": _read,
    "lock": _lock,
    "sleep": _sleep,
    "connect": _connect,
    "fault": _fault,
    "spin": _spin,
    "made": _made,
    "exit": _exit,
}


def _main(way: str) -> None:
    with select.epoll() as instance:

        def leave() -> None:
            instance.poll(0)
            sys.stdout.write("away\n")
            sys.stdout.flush()

        _WAYS[way](leave)


if __name__ == "__main__":
    _main(sys.argv[1])
