"""The standard descriptors, kept from native code, which writes to them and worse."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator


def settle() -> None:
    """Gives a file to each of them that has none, so that everybody may count on them.

    One that is closed would become a pipe, an event loop or a probe, and libbpf writes on it all the same.

    Raises:
        OSError: there is no /dev/null to give.
    """
    while not all(map(is_open, (0, 1, 2))):
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


@contextlib.contextmanager
def silenced() -> Iterator[Callable[[], str]]:
    """Sends what is written to descriptors 1 and 2 to a file; the yielded call reads it.

    Descriptor 0 is as before afterwards: the libbpf inside BCC 0.18 closes it when it cannot read the kernel's BTF.
    """
    # In memory: there may be no directory to write in.
    with open(os.memfd_create("epolltop-said"), "w+b") as file:
        kept = [(fd, os.dup(fd)) for fd in (0, 1, 2) if is_open(fd)]
        for fd, _ in kept:
            if fd:
                os.dup2(file.fileno(), fd)

        def read() -> str:
            file.seek(0)
            return file.read().decode("utf-8", "backslashreplace")

        try:
            yield read
        finally:
            for fd, copy in kept:
                os.dup2(copy, fd)
                os.close(copy)


def is_open(fd: int) -> bool:
    """Whether it refers to anything."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
