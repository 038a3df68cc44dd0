"""System calls by number, and those that not every architecture has."""

from __future__ import annotations

import platform

import pytest

EPOLL_WAITS = {"x86_64": {"232", "281", "441"}, "aarch64": {"22", "441"}}[platform.machine()]
"""epoll_wait, epoll_pwait, epoll_pwait2, as /proc/PID/syscall has them."""

sized = pytest.mark.skipif(platform.machine() != "x86_64", reason="epoll_create(2) is for 32-bit programs alone here")
