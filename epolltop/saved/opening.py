"""Opens what was saved to look at it again: a recording or a snapshot, in a file or from a stream."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from epolltop.errors import SourceEnded, Unplayable
from epolltop.model.bounds import SNAPSHOT_BYTES_MAX
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.saved.snapshot_reader import reopened
from epolltop.sources.recording.reader import Readable, Recording

SPOOL_BYTES_MAX = 1 << 30
SPOOL_MEMORY_MAX = 1 << 27
_CHUNK = 1 << 20
_PATIENCE_MS = 200  # after a stop is asked for, a stream notices within that


def open_saved(
    path: Path | int | None, selection: Selection, *, onwards: bool, halted: Callable[[], bool] = lambda: False
) -> Recording | Snapshot:
    """An open recording, or what a snapshot file shows.

    Args:
        path: of the file, or a descriptor of it, which is closed with what is answered; None: stdin.
        selection: which processes of a snapshot count.
        onwards: there is no going back, so a stream is read as it comes; else it is copied first.
        halted: whether waiting for a stream is to end.

    Raises:
        Unplayable: it is neither, or too large.
        SourceEnded: waiting for it was to end.
        OSError: it cannot be read.
    """
    file = _opened(path, halted)
    try:
        if not onwards and not file.seekable():
            file = _spooled(file)
        begun = file.read(1)
        if begun == b"{":
            raw = b"".join((begun, *_parts(file, SNAPSHOT_BYTES_MAX)))
            file.close()
            return reopened(raw, selection)
        recording = Recording(file, begun)
        recording.open()
    except BaseException:
        file.close()
        raise
    return recording


def open_file(path: Path | None) -> int:
    """A descriptor to hand to `open_saved`.

    Raises:
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK, opening a named pipe would wait for somebody to write, and could not be stopped.
    descriptor = os.dup(0) if path is None else os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path or "stdin"))
    return descriptor


def _opened(path: Path | int | None, halted: Callable[[], bool]) -> Readable:
    descriptor = path if isinstance(path, int) else open_file(path)
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        return _Stream(descriptor, halted)
    return open(descriptor, "rb", buffering=0)


def _parts(file: Readable, most: int) -> Iterator[bytes]:
    """All of it.

    Raises:
        Unplayable: there is more.
    """
    while part := file.read(_CHUNK):
        most -= len(part)
        if most < 0:
            raise Unplayable("too large")
        yield part


def _spooled(stream: Readable) -> Readable:
    """The same as a file without a name."""
    file, most = _unnamed()
    with contextlib.closing(stream):
        for part in _parts(stream, most):
            file.write(part)
    file.seek(0)
    return file


def _unnamed() -> tuple[io.FileIO, int]:
    """A file without a name, and how much it may hold: in memory less, where there is no directory to write in."""
    try:
        # Its descriptor alone: the object that stands for it is no file to Python's types.
        with tempfile.TemporaryFile(buffering=0) as file:
            return io.FileIO(os.dup(file.fileno()), "r+"), SPOOL_BYTES_MAX
    except OSError:
        return io.FileIO(os.memfd_create("epolltop-spool"), "r+"), SPOOL_MEMORY_MAX


class _Stream:
    """A pipe, read until there is as much as asked for, or until that is to end."""

    def __init__(self, descriptor: int, halted: Callable[[], bool]) -> None:
        self._descriptor, self._halted = descriptor, halted
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._closed = False

    def read(self, octets: int, /) -> bytes:
        """That many bytes, or the rest before the end.

        Raises:
            SourceEnded: waiting was to end.
        """
        parts = []
        while octets:
            while not self._poll.poll(_PATIENCE_MS):
                if self._halted():
                    raise SourceEnded
            part = os.read(self._descriptor, min(octets, _CHUNK))
            if not part:
                break
            parts.append(part)
            octets -= len(part)
        return b"".join(parts)

    def seekable(self) -> bool:
        """Never."""
        return False

    def seek(self, offset: int, /) -> int:
        """Not possible."""
        raise OSError(errno.ESPIPE, os.strerror(errno.ESPIPE))

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Closes it. May be called twice."""
        if not self._closed:
            self._closed = True
            os.close(self._descriptor)
