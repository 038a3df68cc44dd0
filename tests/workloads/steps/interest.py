"""What instances watch."""

from __future__ import annotations

import ctypes
import os
import platform
import select
import struct

from tests.workloads import rings
from tests.workloads.steps import Reply, now_ns

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_EPOLL_CTL = {"x86_64": 233, "aarch64": 21}[platform.machine()]
_kept: list[select.epoll] = []  # their end would close the descriptor, which is not theirs alone


def pipe() -> Reply:
    return {"fds": os.pipe()}


def open_file() -> Reply:
    """One that no instance can watch."""
    return {"fd": os.open(__file__, os.O_RDONLY)}


def ctl(fd: int, calls: list[list[int]], count: int = 1, bad_address: bool = False) -> Reply:
    """Asks so often for each of these changes in turn: operation and target.

    Returns:
        How often each operation returned what, -errno where it failed, and the longest time from call to call.
    """
    event = None if bad_address else struct.pack("=IQ", select.EPOLLIN, 0).ljust(16, b"\0")
    returned: dict[str, int] = {}
    last, longest = now_ns(), 0
    for _ in range(count):
        for operation, target in calls:
            told = _libc.syscall(_SYS_EPOLL_CTL, fd, operation, target, event)
            result = f"{operation}:{-ctypes.get_errno() if told < 0 else told}"
            returned[result] = returned.get(result, 0) + 1
            now = now_ns()
            last, longest = now, max(longest, now - last)
    return {"returned": returned, "longest_s": longest / 1e9}


def register_and_close(count: int, target: int) -> Reply:
    """Creates so many instances, one after another: each watches the target, fails to watch it again, and is closed."""
    for _ in range(count):
        instance = select.epoll()
        instance.register(target, select.EPOLLIN)
        try:
            instance.register(target, select.EPOLLIN)
        except FileExistsError:
            instance.close()
    return {}


def ctl_by_io_uring(fd: int, calls: list[list[int]]) -> Reply:
    """Hands each of these changes to io_uring; what came of them, or why there is no ring."""
    made = rings.ring()
    if "errno" in made:
        return {"results": None, "why": os.strerror(made["errno"])}
    os.close(made["done"])
    return {"results": [rings.ctl_by_ring(fd, operation, target) for operation, target in calls]}


def watch(fd: int, count: int) -> Reply:
    """Registers so many pipes."""
    instance = select.epoll.fromfd(fd)
    targets = []
    for _ in range(count):
        ends = os.pipe()
        instance.register(ends[0], select.EPOLLIN)
        targets.append(list(ends))
    _kept.append(instance)
    return {"targets": targets}


def register(fd: int, target: int, events: int = select.EPOLLIN) -> Reply:
    """Has an instance watch a descriptor."""
    instance = select.epoll.fromfd(fd)
    instance.register(target, events)
    _kept.append(instance)
    return {}


STEPS = (pipe, open_file, ctl, register_and_close, ctl_by_io_uring, watch, register)
