"""Writes down what a source yields, as it comes: cut off anywhere, the file tells what stands before the cut."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import BinaryIO

import msgspec

from epolltop import __version__
from epolltop.model.batch import Batch, ProcessKey
from epolltop.model.world import Selection
from epolltop.sources import Descriptor, FactSource
from epolltop.sources.codec import FRAME_BYTES_MAX, Encoder
from epolltop.sources.container import MAGIC, RAW, VERSION, Header, framed
from epolltop.sources.passing import Unwritten

_LEVEL = 1  # of compression: the best takes twice the time and saves a tenth


class Recorder:
    """A source that writes down what another one yields."""

    def __init__(self, source: FactSource, file: BinaryIO, name: str, selection: Selection) -> None:
        """Writes nothing yet.

        Args:
            source: open, or to be opened through us.
            file: unbuffered, so that what was written is there when we are killed; it is closed here.
            name: of the file, for errors.
            selection: for the header.
        """
        self._source, self._file, self._name = source, file, name
        self._header = Header(__version__, tuple(sorted(selection.pids)), tuple(sorted(selection.uids)))
        self._encoder = Encoder()
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, RAW)
        self._last_ns = 0
        self._whole = True  # nothing stands half written
        self.ticks = 0
        """Written so far."""
        self.octets = 0
        """Likewise."""

    def open(self) -> None:
        """See FactSource."""
        self._source.open()

    def poll(self, focus: Mapping[int, Descriptor], shown: Collection[ProcessKey] = ()) -> Batch:
        """See FactSource; each batch is in the file before it is returned.

        Raises:
            Unwritten: the file cannot take it. What stands there so far can be replayed.
        """
        batch = self._source.poll(focus, shown)
        if not self.octets:
            self._write(MAGIC + b"%d " % VERSION + msgspec.json.encode(self._header) + b"\n")
        try:
            raw = self._encoder.encode(batch)
            if len(raw) > FRAME_BYTES_MAX:
                raise ValueError(f"more than {FRAME_BYTES_MAX:,} bytes in a tick")
        except ValueError as error:
            raise Unwritten(0, f"cannot be recorded: {error}", self._name) from None
        self._last_ns = batch.now_ns
        self._write(framed(self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH), self._last_ns))
        self.ticks += 1
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
