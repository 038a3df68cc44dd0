"""Errors that pass: the machine, or this process, has too little of something for a while."""

from __future__ import annotations

import errno

_ERRNOS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.EINTR))


class Unwritten(OSError):
    """What was told could not be written down: that does not pass, since part of it may stand there."""


def passes(error: BaseException) -> bool:
    """Whether it is worth trying again."""
    if isinstance(error, Unwritten):
        return False
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _ERRNOS)
