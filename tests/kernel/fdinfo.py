"""What /proc/PID/fdinfo says about a descriptor, read without epolltop's own readers."""

from __future__ import annotations

from pathlib import Path


def interest_list(pid: int, fd: int) -> list[int]:
    """Descriptors that an epoll instance watches, by the numbers under which they were registered."""
    return sorted(int(line.split()[1]) for line in _lines(pid, fd) if line.startswith("tfd:"))


def file_flags(pid: int, fd: int) -> int:
    """Flags of open(2), with O_CLOEXEC for close-on-exec."""
    return next(int(line.split()[1], 8) for line in _lines(pid, fd) if line.startswith("flags:"))


def _lines(pid: int, fd: int) -> list[str]:
    return Path(f"/proc/{pid}/fdinfo/{fd}").read_text(encoding="ascii").splitlines()
