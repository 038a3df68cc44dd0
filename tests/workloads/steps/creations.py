"""Instances that are created and closed."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import select
import struct
import time

from tests.workloads.no_room import no_room
from tests.workloads.steps import Reply, now_ns

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_EPOLL_CREATE1 = {"x86_64": 291, "aarch64": 20}[platform.machine()]


def _result(value: int) -> Reply:
    return {"fd": value, "errno": 0} if value >= 0 else {"fd": None, "errno": ctypes.get_errno()}


def create1(flags: int = select.EPOLL_CLOEXEC) -> Reply:
    return _result(_libc.epoll_create1(flags))


def create_legacy(size: int) -> Reply:
    return _result(_libc.epoll_create(size))


def hold(count: int) -> Reply:
    """Creates and keeps, as quickly as Python can."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return {"fds": [_libc.epoll_create1(0) for _ in range(count)]}


def close(fds: list[int]) -> Reply:
    for fd in fds:
        os.close(fd)
    return {}


def close_range(first: int, last: int) -> Reply:
    os.closerange(first, last + 1)
    return {}


def pairs(count: int) -> Reply:
    """Creates and closes, one after another; the same descriptor number each time."""
    new = select.epoll
    numbers = set()
    for _ in range(count):
        instance = new()
        numbers.add(instance.fileno())
        instance.close()
    return {"numbers": sorted(numbers)}


def fail(count: int) -> Reply:
    """Calls so often with a flag that there is not."""
    call = _libc.epoll_create1
    for _ in range(count):
        call(1)
    return {}


def churn_until_told(path: str, pause_s: float = 0.0) -> Reply:
    """Creates and closes until a file exists; rests after each thousand."""
    count = 0
    while not os.path.exists(path):
        pairs(1000)
        count += 1000
        time.sleep(pause_s)
    return {"count": count}


def churn_in_rows_until_told(path: str, length: int, pause_s: float) -> Reply:
    """Creates so many and closes them in one call, until a file exists; rests after each row."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    while not os.path.exists(path):
        fds = [_libc.epoll_create1(0) for _ in range(length)]
        os.closerange(fds[0], fds[-1] + 1)
        time.sleep(pause_s)
    return {}


def brief(seconds: float) -> Reply:
    """One instance that lives so long, with the boot clock read around both ends."""
    before_create = now_ns()
    fd = _libc.epoll_create1(0)
    after_create = now_ns()
    time.sleep(seconds)
    before_close = now_ns()
    os.close(fd)
    return {"create": [before_create, after_create], "close": [before_close, now_ns()], "fd": fd}


def create_without_room() -> Reply:
    """Fails, because the table of descriptors may not grow."""
    with no_room():
        return create1()


def refuse_creation(number: int) -> Reply:
    """Has seccomp answer this very errno to each further epoll_create1, in place of the call."""
    # struct sock_filter: load the number of the call; if it is not that one, skip one; refuse; allow.
    program = struct.pack("<HBBI", 0x20, 0, 0, 0) + struct.pack("<HBBI", 0x15, 0, 1, _EPOLL_CREATE1)
    program += struct.pack("<HBBI", 0x06, 0, 0, 0x00050000 | number) + struct.pack("<HBBI", 0x06, 0, 0, 0x7FFF0000)
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
    no_new_privileges = _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return {"failed_with": no_new_privileges or _libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0)}


STEPS = (
    create1, create_legacy, hold, close, close_range, pairs, fail, churn_until_told, churn_in_rows_until_told,
    brief, create_without_room, refuse_creation,
)  # fmt: skip
