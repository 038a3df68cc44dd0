"""Threads that wait in some call or other: an argument such as poll=3 for each call. Ends when stdin does.

A line on stdout: whether there is io_uring.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.workloads import rings

_libc = ctypes.CDLL(None, use_errno=True)
_IO_URING_ENTER, _GETEVENTS = 426, 1
_reading, _writing = os.pipe()
_ring = rings.ring()


def _pollfd() -> bytes:
    return struct.pack("=ihh", _reading, 1, 0)


def _set() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer((1 << _reading).to_bytes(128, sys.byteorder), 128)


_CALLS: dict[str, Callable[[], object]] = {
    "poll": lambda: _libc.poll(_pollfd(), 1, -1),
    "ppoll": lambda: _libc.ppoll(_pollfd(), 1, None, None),
    "select": lambda: _libc.select(_reading + 1, _set(), None, None, None),
    "pselect": lambda: _libc.pselect(_reading + 1, _set(), None, None, None, None),
    "io_uring": lambda: _libc.syscall(_IO_URING_ENTER, _ring.get("done", -1), 0, 1, _GETEVENTS, None, 0),
    "epoll": lambda: select.epoll().poll(),
    "sleep_in_poll": lambda: _libc.poll(None, 0, -1),
    "sleep_in_select": lambda: _libc.select(0, None, None, None, None),
}

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        call, number = argument.split("=")
        for _ in range(int(number)):
            threading.Thread(target=_CALLS[call], daemon=True).start()
    sys.stdout.write(f"{'done' in _ring}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)
