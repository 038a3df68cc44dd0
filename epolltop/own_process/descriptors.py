"""Descriptors of this process: protects the standard ones from native code, and gives paths to others.

/proc/self/fd/N is not read here: it is the kernel's path for an open descriptor, for calls that want a path.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_PATH = "/proc/self/fd/{}"


def settle() -> None:
    """Opens /dev/null for each standard descriptor that is closed, so that everybody may count on them.

    Otherwise a pipe, an event loop or a probe would get its number, and libbpf would write to it.

    Raises:
        OSError: there is no /dev/null.
    """
    while not all(map(is_open, (0, 1, 2))):
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


@contextlib.contextmanager
def silenced() -> Iterator[Callable[[], str]]:
    """Redirects descriptors 1 and 2 to a file in memory, which the yielded function reads.

    Descriptor 0 is restored as well: the libbpf inside BCC 0.18 closes it when it cannot read the kernel's BTF.
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


def opened_anew(fd: int, flags: int) -> int:
    """Opens the file of a descriptor again, with its own position and flags; O_CLOEXEC is added.

    Raises:
        OSError: there is no /proc, or the file may not be opened with these flags.
    """
    return os.open(_PATH.format(fd), flags | os.O_CLOEXEC)


def can_be_named() -> bool:
    """Whether `give_name` can work here: it needs /proc."""
    return os.path.exists(_PATH.format(""))


def give_name(fd: int, path: Path) -> None:
    """Gives a name to a file that was made without one (O_TMPFILE).

    Raises:
        OSError: the name is taken, or the directory refuses it.
    """
    # Python follows the link only if a directory is named, which does not matter to an absolute path.
    os.link(_PATH.format(fd), path, src_dir_fd=fd, follow_symlinks=True)


def is_open(fd: int) -> bool:
    """Whether a descriptor is open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
