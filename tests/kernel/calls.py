"""System calls by number, and those that not every architecture has."""

from __future__ import annotations

import platform

import pytest

BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
TGKILL = {"x86_64": 234, "aarch64": 131}[platform.machine()]
SIZED = platform.machine() == "x86_64"
"""Whether epoll_create is a call of its own; elsewhere the C library makes epoll_create1(0) of it."""

_EPOLL_WAITS = {"x86_64": {"232", "281", "441"}, "aarch64": {"22", "441"}}[platform.machine()]
"""epoll_wait, epoll_pwait, epoll_pwait2, as /proc/PID/syscall has them."""

sized = pytest.mark.skipif(not SIZED, reason="epoll_create(2) is for 32-bit programs alone here")


def waits(pid: int, tid: int) -> bool:
    """Whether a thread is inside of a call that waits on an instance."""
    with open(f"/proc/{pid}/task/{tid}/syscall", encoding="ascii") as call:
        return call.read().split()[0] in _EPOLL_WAITS
