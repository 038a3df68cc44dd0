"""/proc/PID/fdinfo/FD: what the kernel says about one open descriptor, by the kind of its file.

Format: proc_pid_fdinfo(5).
"""

from __future__ import annotations

import io
import re
from typing import NamedTuple

from epolltop.proc.interest_lines import InterestLines, interest_lines
from epolltop.proc.reading import head

_CHUNK_BYTES = 1 << 16
_SOCKET_BYTES, _RING_BYTES, _TARGET_BYTES = 4096, 1 << 20, 1 << 15
"""That of a ring has a line for each file, that of a target may have one for each path that it watches."""
_WATCH = b"\ntfd:"
"""What each line of an interest list begins with; others stand before it."""
_FLAGS = re.compile(rb"^flags:\s*([0-7]+)$", re.MULTILINE)
_O_CLOEXEC = 0o2000000  # as flags has it, on any machine that BPF runs on
_MOUNT_ID = re.compile(rb"^mnt_id:\s*(\d+)$", re.MULTILINE)
_IN_FLIGHT = re.compile(rb"^scm_fds:\s*(\d+)$", re.MULTILINE)
# Older kernels leave out "anon_inode:".
_REGISTERED = re.compile(rb"^ *\d+: (?:anon_inode:)?\[eventpoll\]$", re.MULTILINE)
_RUN_TIME = re.compile(rb"^run_time_ns:\s*(\d+)$", re.MULTILINE)
_MISSES = re.compile(rb"^recursion_misses:\s*(\d+)$", re.MULTILINE)


class Measured(NamedTuple):
    """What one read says about an epoll instance and a descriptor for it."""

    watches: int
    """Length of the interest list."""
    cloexec: bool | None
    """Whether the descriptor is closed on exec; None if the kernel does not say."""


def read_instance(root: str, pid: int, fd: int) -> Measured:
    """Reads about an epoll instance.

    The kernel holds the instance's lock while it prints, about 1 µs a watch in all. It retries with a buffer twice as
    large until the list fits; the program is blocked meanwhile.

    Raises:
        FileNotFoundError, ProcessLookupError: it is gone.
        PermissionError: it may not be read.
    """
    with open(f"{root}/{pid}/fdinfo/{fd}", "rb", buffering=0) as file:
        beginning = file.read(_CHUNK_BYTES)
        flags = open_flags(beginning)
        cloexec = None if flags is None else bool(flags & _O_CLOEXEC)
        return Measured(_occurrences(_WATCH, beginning, file), cloexec)


def read_interest(root: str, pid: int, fd: int, most: int) -> InterestLines:
    """Reads the first lines of an interest list and counts the others, which are never held; costs as `read_instance`.

    Raises:
        FileNotFoundError, ProcessLookupError: it is gone.
        PermissionError: it may not be read.
    """
    with open(f"{root}/{pid}/fdinfo/{fd}", "rb", buffering=0) as file:
        beginning = b""
        while beginning.count(_WATCH) <= most and (chunk := file.read(_CHUNK_BYTES)):
            beginning += chunk
        return InterestLines(interest_lines(beginning, most), _occurrences(_WATCH, beginning, file))


def read_target(root: str, pid: int, fd: int) -> bytes:
    """The beginning of what the kernel says about any descriptor; nothing if it is closed, or closed to us."""
    return head(f"{root}/{pid}/fdinfo/{fd}", _TARGET_BYTES)


def open_flags(info: bytes) -> int | None:
    """Parses the flags of a descriptor, as open(2) has them; None if the kernel does not say."""
    flags = _FLAGS.search(info)
    return int(flags[1], 8) if flags else None


def descriptors_in_flight(root: str, pid: int, fd: int) -> int:
    """How many descriptors wait in a socket; 0 if it is no Unix socket, or gone."""
    return in_flight(head(f"{root}/{pid}/fdinfo/{fd}", _SOCKET_BYTES))


def in_flight(info: bytes) -> int:
    """Parses the number of descriptors in flight; 0 if there is none."""
    return _number(_IN_FLIGHT, info) or 0


def instances_in_ring(root: str, pid: int, fd: int) -> int:
    """How often epoll instances are registered with an io_uring; 0 while the ring is busy, or if it is gone."""
    return registered(head(f"{root}/{pid}/fdinfo/{fd}", _RING_BYTES))


def registered(info: bytes) -> int:
    """Counts the epoll instances among the registered files."""
    return len(_REGISTERED.findall(info))


def own_mount_id(fd: int) -> int:
    """The id of the mount through which epolltop opened a descriptor.

    Raises:
        OSError: there is no /proc.
    """
    number = _number(_MOUNT_ID, head(f"/proc/self/fdinfo/{fd}", _CHUNK_BYTES))
    if number is None:
        raise FileNotFoundError("mnt_id")
    return number


def own_recursion_misses(fd: int) -> int:
    """How often the kernel left out a run of a BPF program of epolltop's, as one was running on that CPU.

    0 before Linux 5.12, which does not tell.
    """
    return _number(_MISSES, head(f"/proc/self/fdinfo/{fd}", _CHUNK_BYTES)) or 0


def own_run_time_ns(fd: int) -> int:
    """How long a BPF program of epolltop's has run while the kernel kept statistics; 0 before Linux 5.1."""
    return _number(_RUN_TIME, head(f"/proc/self/fdinfo/{fd}", _CHUNK_BYTES)) or 0


def _number(pattern: re.Pattern[bytes], info: bytes) -> int | None:
    found = pattern.search(info)
    return int(found[1]) if found else None


def _occurrences(word: bytes, beginning: bytes, file: io.FileIO) -> int:
    """How often a word occurs in a file. The file is never held whole: with 100,000 watches it is 8 MB."""
    found, end = beginning.count(word), beginning[1 - len(word) :]
    while chunk := file.read(_CHUNK_BYTES):
        found += (end + chunk).count(word)
        end = (end + chunk)[1 - len(word) :]
    return found
