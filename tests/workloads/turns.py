"""Waits on instances, with the clock readings around each, and changes of interest lists."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import time
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_PWAIT2 = {"epoll_pwait2": 441} if tuple(map(int, platform.release().split(".")[:2])) >= (5, 11) else {}
WAITS = {
    "x86_64": {"epoll_wait": 232, "epoll_pwait": 281},
    "aarch64": {"epoll_pwait": 22},
}[platform.machine()] | _PWAIT2
"""The numbers of the calls that the kernel has; by number, because older C libraries have no epoll_pwait2."""
_IS_PACKED = platform.machine() == "x86_64"  # struct epoll_event
_ROOM = 64
"""Events that there is room for."""


def turns(waits: list[tuple[int, str, int, int, bool]]) -> dict[str, Any]:
    """Waits, one after another.

    Args:
        waits: descriptor, call, maxevents, timeout in nanoseconds (-1: infinite), and whether events have room.

    Returns:
        Of each wait what it returned, -errno if it failed, and the boot clock just before and just after.
    """
    events, clock = ctypes.create_string_buffer(16 * _ROOM), time.CLOCK_BOOTTIME
    returned = []
    for fd, call, maxevents, timeout_ns, has_room in waits:
        until = _timespec(timeout_ns) if call == "epoll_pwait2" else ctypes.c_long(max(-1, timeout_ns // 1_000_000))
        arguments = WAITS[call], fd, events if has_room else 1, maxevents, until, None, 8
        before = time.clock_gettime_ns(clock)
        result = _libc.syscall(*arguments)
        after = time.clock_gettime_ns(clock)
        returned.append((-ctypes.get_errno() if result < 0 else result, before, after))
    return {"done": returned}


def _timespec(ns: int) -> bytes | None:
    return None if ns < 0 else struct.pack("qq", *divmod(ns, 1_000_000_000))


def ctls(changes: list[tuple[int, int, int | None, int, bool, float]]) -> dict[str, Any]:
    """Changes interest lists, one after another.

    Args:
        changes: descriptor, operation, target (None: a file that cannot be watched), events, whether there is memory
            that has them, and seconds until the next one.

    Returns:
        Of each its errno, 0 if it was done, and the boot clock just before and just after.
    """
    unfit, clock = os.open(__file__, os.O_RDONLY | os.O_CLOEXEC), time.CLOCK_BOOTTIME
    returned = []
    for fd, operation, target, events, has_event, pause_s in changes:
        number = unfit if target is None else target
        event = struct.pack("=IQ", events, number) if _IS_PACKED else struct.pack("=IxxxxQ", events, number)
        before = time.clock_gettime_ns(clock)
        done = _libc.epoll_ctl(fd, operation, number, event if has_event else ctypes.c_void_p(1))
        after = time.clock_gettime_ns(clock)
        returned.append((ctypes.get_errno() if done < 0 else 0, before, after))
        time.sleep(pause_s)
    os.close(unfit)
    return {"done": returned}


STEPS = (turns, ctls)
