"""Opens files of each kind that descriptors are counted by, several sorts of each in turn.

Nothing here imports `socket`, see actor.py.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import tempfile
from collections.abc import Callable

from tests.workloads import rings

_libc = ctypes.CDLL(None, use_errno=True)
_UNIX, _INET, _NETLINK, _STREAM, _DATAGRAM, _RAW = 1, 2, 16, 1, 2, 3
_PIDFD_OPEN = 434
_CLOCK_MONOTONIC = 1


def _opened(fd: int) -> int:
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def _pipe() -> int:
    reading, writing = os.pipe()
    os.close(writing)
    return reading


def _fifo() -> int:
    with tempfile.TemporaryDirectory() as directory:
        os.mkfifo(f"{directory}/socket:[1]")
        return os.open(f"{directory}/socket:[1]", os.O_RDWR)


def _signalfd() -> int:
    none = ctypes.create_string_buffer(128)
    return _opened(_libc.signalfd(-1, none, 0))


def _ring() -> int:
    made = rings.ring()
    if "errno" in made:
        raise OSError(made["errno"], os.strerror(made["errno"]))
    return int(made["done"])


SORTS: dict[str, tuple[Callable[[], int], ...]] = {
    "socket": (
        lambda: _opened(_libc.socket(_UNIX, _STREAM, 0)),
        lambda: _opened(_libc.socket(_INET, _STREAM, 0)),
        lambda: _opened(_libc.socket(_INET, _DATAGRAM, 0)),
        lambda: _opened(_libc.socket(_NETLINK, _RAW, 0)),
    ),
    "pipe": (_pipe,),
    "file": (
        lambda: os.open(__file__, os.O_RDONLY),
        lambda: os.open("/", os.O_RDONLY | os.O_DIRECTORY),
        lambda: os.open(__file__, os.O_PATH),
        lambda: os.open("/dev/null", os.O_RDWR),
        lambda: os.open("/proc/self/status", os.O_RDONLY),
        lambda: os.memfd_create("anon_inode:[eventfd]"),
        _fifo,
    ),
    "epoll": (lambda: _opened(_libc.epoll_create1(0)),),
    "eventfd": (lambda: _opened(_libc.eventfd(0, 0)),),
    "timerfd": (lambda: _opened(_libc.timerfd_create(_CLOCK_MONOTONIC, 0)),),
    "inotify": (lambda: _opened(_libc.inotify_init1(0)),),
    "io_uring": (_ring,),
    "other": (
        _signalfd,
        lambda: _opened(_libc.syscall(_PIDFD_OPEN, os.getpid(), 0)),
        lambda: os.open("/proc/self/ns/net", os.O_RDONLY),
    ),
}
"""What opens one descriptor, by kind."""


def open_kind(kind: str, count: int) -> dict[str, list[int]]:
    """So many descriptors of one kind.

    Raises:
        OSError: this kernel has no such file, or does not let us have one.
    """
    return {"fds": [made() for made in itertools.islice(itertools.cycle(SORTS[kind]), count)]}
