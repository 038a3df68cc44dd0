"""Watches a directory with inotify and epoll and prints the name of each file that comes."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys

IN_CREATE = 0x100
EVENT = struct.Struct("iIII")

libc = ctypes.CDLL(None, use_errno=True)
inotify = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
if inotify < 0 or libc.inotify_add_watch(inotify, os.fsencode(sys.argv[1]), IN_CREATE) < 0:
    raise OSError(ctypes.get_errno(), "inotify")
with select.epoll() as epoll:
    epoll.register(inotify, select.EPOLLIN)
    sys.stdout.write("watching\n")
    sys.stdout.flush()
    while epoll.poll():
        events = os.read(inotify, 4096)
        at = 0
        while at < len(events):
            *_, length = EVENT.unpack_from(events, at)
            at += EVENT.size
            sys.stdout.write(events[at : at + length].rstrip(b"\0").decode() + "\n")
            at += length
        sys.stdout.flush()
