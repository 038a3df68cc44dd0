"""Creates files for their owner only, with the rights of the user who called sudo; most are complete or absent."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from epolltop.output.parts import Parts, blocks
from epolltop.own_process.descriptors import can_be_named, give_name
from epolltop.own_process.invoker import invoker, rights

NAMES_MAX = 1000
"""Number of names tried for a new file; somebody else may have taken them all."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NAMELESS = os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC


def require_room(path: Path) -> None:
    """Checks that `write_whole` may create a file there, before there is anything to lose.

    Raises:
        OSError: as `write_whole`.
    """
    with _about(path), rights():
        _require_ordinary(path)
        beside, descriptor = _made_beside(path)
        os.close(descriptor)
        beside.unlink(missing_ok=True)


def write_whole(path: Path, content: Parts) -> None:
    """Replaces path by a new file with that content, mode 0600.

    It writes a file beside path and renames it over path, so that a full disk or a crash leaves the old file or none.
    It creates the file beside path anew and never follows a link, since root may be writing into somebody's directory.
    For the same reason it only replaces an ordinary file: no link, no device (-o /dev/null). If the file system has
    files without a name (ext4, XFS, Btrfs, tmpfs and others), the file gets its name when it is complete, so a killed
    process leaves nothing.

    Raises:
        OSError: with the path that could not be written.
    """
    with _about(path), rights():
        _require_ordinary(path)
    with _beside(path, content) as beside:
        os.replace(beside, path)


def write_new(path: Path, content: Parts) -> Path:
    """Writes a new file like write_whole; if the name is taken, it adds -2, -3, … to the stem.

    Returns:
        The path of the file.

    Raises:
        OSError: with the path that could not be written.
    """
    with _beside(path, content) as beside:
        names = (path.with_stem(f"{path.stem}-{number}") for number in range(2, NAMES_MAX + 1))
        for free in itertools.chain((path,), names):
            with contextlib.suppress(FileExistsError):
                _move(beside, free)
                return free
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


@contextlib.contextmanager
def _beside(path: Path, content: Parts) -> Iterator[Path]:
    """A file beside path with that content, to be moved; removed at the end. OSError names path."""
    with _about(path), rights():
        beside, descriptor = _made_beside(path)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                for block in blocks(content):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
                _name(file.fileno(), beside)
            yield beside
        finally:
            beside.unlink(missing_ok=True)


def _made_beside(path: Path) -> tuple[Path, int]:
    """A short name for a new file in the same directory, and a descriptor of the file.

    The file has that name at once, or when `_name` gives it one.
    """
    beside = path.with_name(f".epolltop-{secrets.token_hex(8)}")
    if can_be_named():
        with contextlib.suppress(OSError):  # where there are no such files; of another error the next call tells, too
            return beside, os.open(path.parent, _NAMELESS, 0o600)
    return beside, os.open(beside, _NEW, 0o600)


def _name(descriptor: int, beside: Path) -> None:
    """Gives a name to a file without one."""
    if not os.fstat(descriptor).st_nlink:
        give_name(descriptor, beside)


@contextlib.contextmanager
def _about(path: Path) -> Iterator[None]:
    """Makes any OSError name this path, and the user whose rights did not suffice."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in (errno.EACCES, errno.EPERM):
            why += _whose()
        raise OSError(error.errno, why, str(path)) from None


def _whose() -> str:
    with contextlib.suppress(OSError):
        if (who := invoker()) is not None:
            return f" to user {who.uid}, who asked root for this ({who.told_by})"
    return ""


def _move(beside: Path, free: Path) -> None:
    """Moves to a free name; FileExistsError if it is taken. With hard links, nobody sees a partial file."""
    try:
        os.link(beside, free, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise
        os.close(os.open(free, _NEW, 0o600))
        os.replace(beside, free)


class Successor:
    """A file that others may read while it is written: first beside path, maybe without a name, then at path."""

    def __init__(self, path: Path) -> None:
        """Makes it, mode 0600. What stands at path must be an ordinary file, as in `write_whole`.

        Raises:
            OSError: with the path that could not be written.
        """
        self._path = path
        with _about(path), rights():
            _require_ordinary(path)
            beside, descriptor = _made_beside(path)
        self._beside: Path | None = beside
        self.file: BinaryIO = open(descriptor, "wb", buffering=0)  # noqa: SIM115  closed by whoever writes
        """Unbuffered."""

    def succeed(self) -> None:
        """Moves the file to path, where the old file stays until then. The file must be open.

        Raises:
            OSError: with the path that could not be written.
        """
        beside, self._beside = self._beside, None
        if beside is not None:
            with _about(self._path), rights():
                try:
                    _name(self.file.fileno(), beside)
                    os.replace(beside, self._path)
                except OSError:
                    beside.unlink(missing_ok=True)
                    raise

    def resign(self) -> None:
        """Removes the file unless it was moved to path."""
        beside, self._beside = self._beside, None
        if beside is not None:
            with contextlib.suppress(OSError), rights():
                beside.unlink(missing_ok=True)


def _require_ordinary(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            remedy = "give the name of a file, or send stdout there (> FILE)"
            raise OSError(errno.EEXIST, f"exists and is not an ordinary file; {remedy}", str(path))
