"""Reads files of /proc, within bounds, because a stranger decides how long they are.

A read races with the process it is about. A process that is gone, or closed to us, is no error: there is nothing to
read. An error that is about epolltop itself, such as having no descriptor left, is raised: nothing would be a lie.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from epolltop.own_process.pace import Deadline
from epolltop.own_process.privileges import Capability

GONE = (FileNotFoundError, ProcessLookupError)
CLOSED = (*GONE, PermissionError)
"""The process is gone, or may not be looked into."""

LOOKING = frozenset((Capability.SYS_PTRACE, Capability.DAC_READ_SEARCH))
"""What it takes to read other users' descriptors and maps, to compare them by kcmp, and to open control groups by
handle."""

_CHUNK_BYTES = 1 << 16


def head(path: str, limit: int) -> bytes:
    """The beginning of a file; nothing if its process is gone or closed to us.

    Raises:
        OSError: epolltop lacks something, such as a free descriptor.
    """
    try:
        return head_if_open(path, limit)
    except PermissionError:
        return b""


def head_if_open(path: str, limit: int) -> bytes:
    """The beginning of a file; nothing if its process is gone.

    Raises:
        PermissionError: it is closed to us.
        OSError: epolltop lacks something, such as a free descriptor.
    """
    try:
        # A third of the time of open(), which makes objects and asks for the size.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except GONE:
        return b""
    try:
        return os.read(file, limit)
    except GONE:
        return b""
    finally:
        os.close(file)


def status_of(path: str) -> os.stat_result | None:
    """What stat(2) answers; None if the process is gone or closed to us."""
    try:
        return os.stat(path)
    except CLOSED:
        return None


def whole_lines(path: str, limit: int, deadline: Deadline) -> Iterator[bytes]:
    """The lines of a file, some at a time.

    Args:
        path: of the file.
        limit: of its size in bytes.
        deadline: asked before each read.

    Raises:
        TimeoutError: it would take longer.
        OSError: the process is gone or closed to us, or the file has more than the limit.
    """
    left, begun = limit, b""
    with open(path, "rb", buffering=0) as file:
        while part := file.read(_CHUNK_BYTES):
            deadline.require()
            left -= len(part)
            if left < 0:
                raise OSError(errno.EFBIG, path)
            lines, line_break, rest = part.rpartition(b"\n")
            if line_break:
                yield begun + lines + line_break
                begun = rest
            else:
                begun += part
