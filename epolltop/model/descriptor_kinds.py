"""The descriptors of a process by the kind of their file, as the links in /proc/PID/fd tell them apart."""

from __future__ import annotations

from typing import NamedTuple


class Descriptors(NamedTuple):
    """How many of each kind a process has, in all of its tables. Two descriptors for one file count twice."""

    socket: int = 0
    pipe: int = 0
    """Pipes without a name; one with a path, a FIFO, is a file."""
    file: int = 0
    """Opened by a path: regular files, directories, devices, FIFOs; and memory that has a name, as of memfd_create."""
    epoll: int = 0
    eventfd: int = 0
    timerfd: int = 0
    inotify: int = 0
    io_uring: int = 0
    other: int = 0
    """Such as signalfd, pidfd, BPF programs and namespaces."""

    @property
    def total(self) -> int:
        """Of all kinds."""
        return sum(self)
