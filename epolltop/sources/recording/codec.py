"""Batches as bytes: the difference of each tick to the tick before.

The types of the model give the form; docs/recording.md describes it. A file may come from anyone: this module checks
types, sizes and ranges, and makes text safe again, so that no later code needs to.
"""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from epolltop.model.batch import Batch
from epolltop.model.event import Event
from epolltop.sources.recording.changes import Change, change
from epolltop.sources.recording.collection_forms import ITEMS_MAX
from epolltop.sources.recording.record_layout import RecordLayout, own_layout
from epolltop.sources.recording.value_form import Damaged, require

EVENTS_MAX = ITEMS_MAX
"""Of one tick."""
_UNCONFIRMED_MAX = 4 * EVENTS_MAX  # events between two censuses: until one comes the world keeps all they create


Parse = Callable[[bytes], Any]
"""From bytes to what msgspec decodes."""


@functools.cache
def _own() -> tuple[Change, Parse]:
    return _derived(own_layout())


def _derived(layout: RecordLayout) -> tuple[Change, Parse]:
    form = change(Batch, layout)
    return form, msgspec.msgpack.Decoder(form.wire).decode


class Encoder:
    """Remembers the last batch; batches come in order."""

    def __init__(self) -> None:
        self._kept: Any = None
        self._encode = msgspec.msgpack.Encoder(enc_hook=list).encode  # a source may have sequences of its own

    def encode(self, batch: Batch) -> bytes:
        """A batch, as what changed.

        Raises:
            ValueError: it has more records than a Decoder would take.
        """
        if len(batch.events) > EVENTS_MAX:
            raise ValueError(f"more than {EVENTS_MAX:,} events in a tick")
        told, self._kept = _own()[0].write(batch, self._kept)
        return self._encode(told)


class Decoder:
    """The reverse. A shallow copy (copy.copy) goes on from the same place on its own."""

    def __init__(self, layout: RecordLayout | None = None, parse: Parse | None = None) -> None:
        """Derives how to read.

        Args:
            layout: of the file; None: as it is written now.
            parse: of a file that says the same in another form.

        Raises:
            Unplayable: it lacks a member that has to be given.
        """
        form, decode = _own() if layout is None or layout == own_layout() else _derived(layout)
        self._read = form.read
        self._parse = parse or decode
        self._kept: Any = None
        self._unconfirmed = 0

    def decode(self, raw: bytes) -> Batch:
        """The batch that was encoded, but for its source's kind, which is replay.

        Raises:
            Damaged: the bytes have another form, or say what no source says.
        """
        try:
            batch: Batch
            batch, self._kept = self._read(self._parse(raw), self._kept)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Damaged(str(error)) from None
        self._unconfirmed = len(batch.events) + (0 if batch.census else self._unconfirmed)
        require(batch.since_ns <= batch.now_ns and self._unconfirmed <= _UNCONFIRMED_MAX)
        source = dataclasses.replace(batch.source, kind="replay")
        return dataclasses.replace(batch, source=source)


def pack(events: Sequence[Event]) -> bytes:
    """Events in little room, for a while."""
    return zlib.compress(msgspec.msgpack.encode(events), 1)


def unpack(packed: bytes) -> list[Event]:
    """What was packed here."""
    return msgspec.msgpack.decode(zlib.decompress(packed), type=list[Event])
