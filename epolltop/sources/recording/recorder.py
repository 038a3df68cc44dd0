"""The writer: writes the ticks of a source as they come. If the file is cut off, all before the cut is readable."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import Any, BinaryIO

from epolltop import __version__
from epolltop.model.batch import Batch
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process_selection import Selection
from epolltop.own_process.transient import Unwritten
from epolltop.sources import NOTHING, FactSource, Wanted
from epolltop.sources.recording.codec import Encoder
from epolltop.sources.recording.container import (
    FRAME,
    RAW,
    UNPACKED_BYTES_MAX,
    framed,
    unpacked_max,
)
from epolltop.sources.recording.file_header import FileHeader, first_line
from epolltop.sources.recording.record_layout import own_layout

_LEVEL = 1  # of compression: the best takes twice the time and saves a tenth


def _deflate(level: int) -> Any:  # zlib does not name the type
    return zlib.compressobj(level, zlib.DEFLATED, RAW)


class Recorder:
    """A source that writes every batch of another source to a file."""

    def __init__(self, source: FactSource, file: BinaryIO, name: str, selection: Selection) -> None:
        """Writes nothing yet.

        Args:
            source: open, or to be opened through us.
            file: unbuffered, so that what was written is there when we are killed; it is closed here.
            name: of the file, for errors.
            selection: for the header.
        """
        self._source, self._file, self._name = source, file, name
        layout = own_layout()
        pids, uids = tuple(sorted(selection.pids)), tuple(sorted(selection.uids))
        self._header = FileHeader(__version__, pids, uids, layout.records, layout.kinds)
        self._encoder = Encoder()
        self._deflate = _deflate(_LEVEL)
        self._unpacked = 0
        self._last_ns = 0
        self._whole = True  # no tick is half written
        self.ticks = 0
        """Ticks written so far."""
        self.octets = 0
        """Bytes written so far."""

    def open(self) -> None:
        self._source.open()

    def glance(self, loops: Collection[LoopKey]) -> None:
        """See FactSource; the next batch has it."""
        self._source.glance(loops)

    def poll(self, wanted: Wanted = NOTHING) -> Batch:
        """See FactSource; each batch is in the file before it is returned.

        Raises:
            Unwritten: the file cannot take it. What stands there so far can be replayed.
        """
        batch = self._source.poll(wanted)
        if not self.octets:
            self._write(first_line(self._header))
        try:
            raw = self._encoder.encode(batch)
            packed = self._packed(raw)
            if max(len(raw), len(packed)) > UNPACKED_BYTES_MAX:
                raise ValueError(f"more than {UNPACKED_BYTES_MAX:,} bytes in a tick")
        except ValueError as error:
            raise Unwritten(0, f"cannot be recorded: {error}", self._name) from None
        self._last_ns = batch.now_ns
        self._write(framed(packed, self._last_ns))
        self.ticks += 1
        self._unpacked += len(raw)
        return batch

    def close(self) -> None:
        """Detaches, and ends the file if all before could be written.

        Raises:
            OSError: its end could not be written.
        """
        self._source.close()
        if self._file.closed:
            return
        with self._file:
            if self._whole and self.octets:
                self._write(framed(b"", self._last_ns))

    def _packed(self, raw: bytes) -> bytes:
        """Deflated, or stored if it would unpack to more than a reader accepts for that many bytes."""
        packed: bytes = self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        end = self.octets + FRAME.size + len(packed)
        if len(raw) <= unpacked_max(len(packed), end, self.ticks + 1, self._unpacked):
            return packed
        # What follows must not refer to what was deflated and is not written.
        self._deflate = _deflate(_LEVEL)
        store = _deflate(0)
        stored: bytes = store.compress(raw) + store.flush(zlib.Z_SYNC_FLUSH)
        return stored

    def _write(self, content: bytes) -> None:
        self._whole = False
        left = memoryview(content)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise Unwritten(error.errno, error.strerror, self._name) from None
        self._whole = True
        self.octets += len(content)
