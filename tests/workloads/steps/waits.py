"""Waits on instances."""

from __future__ import annotations

import ctypes
import os
import platform
import select
import signal
import struct
import threading
import time

from tests.workloads import rings
from tests.workloads.steps import Reply, now_ns

_libc = ctypes.CDLL(None, use_errno=True)
_WAITS = {
    "x86_64": {"epoll_wait": 232, "epoll_pwait": 281, "epoll_pwait2": 441},
    "aarch64": {"epoll_pwait": 22, "epoll_pwait2": 441},
}[platform.machine()]
_waiters: list[tuple[threading.Thread, int]] = []
_kept: list[select.epoll] = []  # their end would close the descriptor, which is not theirs alone


def wait(fd: int, count: int = 1, call: str = "epoll_pwait", timeout_ms: int = 0) -> Reply:
    """Waits so often; what the calls returned, -errno where they failed, and when the first began and the last ended.

    By number, because older C libraries have no epoll_pwait2.
    """
    events = ctypes.create_string_buffer(16 * 64)
    timespec = struct.pack("qq", timeout_ms // 1000, timeout_ms % 1000 * 1_000_000)
    until = timespec if call == "epoll_pwait2" else ctypes.c_long(timeout_ms)
    returned: dict[int, int] = {}
    inside, began = 0, now_ns()
    for _ in range(count):
        before = now_ns()
        told = _libc.syscall(_WAITS[call], fd, events, 64, until, None, 8)
        told = -ctypes.get_errno() if told < 0 else told
        inside += now_ns() - before
        returned[told] = returned.get(told, 0) + 1
    when = {"began_ns": began, "ended_ns": now_ns(), "inside_ns": inside}
    return {"returned": returned, "tid": threading.get_native_id(), **when}


def wait_for_signal(fd: int, seconds: float) -> Reply:
    """A wait without end, which a signal ends after some time."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    return wait(fd, timeout_ms=-1)


def wait_in_thread(fd: int, timeout_ms: int = -1) -> Reply:
    """A thread that waits on the instance, until `wake`."""
    reading, writing = os.pipe()
    instance = select.epoll.fromfd(fd)
    instance.register(reading, select.EPOLLIN)
    _kept.append(instance)
    started: list[int] = []

    def wait() -> None:
        started.append(threading.get_native_id())
        instance.poll(timeout_ms / 1000 if timeout_ms >= 0 else None)

    thread = threading.Thread(target=wait)
    thread.start()
    while not started:
        time.sleep(0)
    _waiters.append((thread, writing))
    return {"tid": started[0]}


def wake() -> Reply:
    thread, writing = _waiters.pop()
    os.write(writing, b"x")
    thread.join()
    return {}


def wait_by_io_uring(fd: int) -> Reply:
    """Has io_uring wait on an instance that has events; what came of it."""
    return rings.wait_by_ring(fd)


STEPS = (wait, wait_for_signal, wait_in_thread, wake, wait_by_io_uring)
