"""Transient errors: the machine, or this process, is short of something for a while."""

from __future__ import annotations

import errno

_ERRNOS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.EINTR))


class Unwritten(OSError):
    """A recording could not be written. This is not transient: part of a tick may be in the file."""


def passes(error: BaseException) -> bool:
    """Whether it is worth trying again."""
    if isinstance(error, Unwritten):
        return False
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _ERRNOS)
