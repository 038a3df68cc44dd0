"""Files readable by their owner only, owned by the person who called sudo; most of them whole or not there at all."""

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


def write_whole(path: Path, content: str) -> None:
    """Replaces path by a new file with that content, mode 0600.

    A file beside it is written and then renamed over it, so that a full disk or a crash leaves the old one or none; the
    file beside it is made anew and never followed, since root may be writing into somebody's directory. For the same
    reason what is replaced must be an ordinary file: no link, no device (-o /dev/null).

    Raises:
        OSError: with the path that could not be written.
    """
    _require_ordinary(path)
    with _beside(path, content) as beside:
        os.replace(beside, path)


def write_new(path: Path, content: str) -> Path:
    """Writes it as write_whole does, but where nothing is: -2, -3, … goes behind the stem of a name that is taken.

    Returns:
        Where it stands.

    Raises:
        OSError: with the path that could not be written.
    """
    with _beside(path, content) as beside:
        free = path
        for number in itertools.count(2):
            try:
                _move(beside, free)
                break
            except FileExistsError:
                free = path.with_stem(f"{path.stem}-{number}")
    return free


@contextlib.contextmanager
def _beside(path: Path, content: str) -> Iterator[Path]:
    """A file beside it with that content, to be moved; it is gone afterwards. OSError is about the path."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                hand_over(file.fileno())
            yield beside
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _move(beside: Path, free: Path) -> None:
    """To a name that is free; FileExistsError if it is not. Nobody sees it half there, where there are hard links."""
    try:
        os.link(beside, free, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
            raise
        os.close(os.open(free, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        os.replace(beside, free)


def create_anew(path: Path) -> BinaryIO:
    """An unbuffered file of that name, mode 0600, to be read while it is written; one that stood there is replaced.

    It is made anew and never followed, and what is replaced must be an ordinary file, as in `write_whole`.

    Raises:
        OSError: with the path that could not be written.
    """
    _require_ordinary(path)
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        hand_over(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    return open(descriptor, "wb", buffering=0)


def _require_ordinary(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "exists and is no ordinary file", str(path))


def hand_over(descriptor: int) -> None:
    """Gives an open file to the user who called sudo, if root runs on their behalf."""
    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and uid.isdecimal() and gid.isdecimal():
        os.fchown(descriptor, int(uid), int(gid))
