"""The reader: yields the ticks that a Recorder wrote, up to the point where the file was cut off or damaged."""

from __future__ import annotations

import array
import copy
import os
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from epolltop.errors import SourceEnded, Unplayable
from epolltop.model.batch import Batch
from epolltop.model.limits import RECORDING_CUT, RECORDING_DAMAGED, RECORDING_NEWER, Limit
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process_selection import Selection
from epolltop.sources import NOTHING, Wanted
from epolltop.sources.recording.codec import Decoder
from epolltop.sources.recording.container import (
    FRAME,
    RAW,
    UNPACKED_BYTES_MAX,
    check_sum,
    unpacked_max,
)
from epolltop.sources.recording.file_header import parsed, read_first_line
from epolltop.sources.recording.record_layout import RecordLayout, tells_more
from epolltop.sources.recording.value_form import Damaged
from epolltop.text.safe import printable


@dataclass(frozen=True, slots=True)
class FilePosition:
    """A position between two ticks of a recording, with everything needed to continue there."""

    offset: int
    ticks: int
    unpacked: int
    """Bytes of all contents up to here."""
    inflate: Any  # zlib does not name the type
    decoder: Decoder


class Readable(Protocol):
    """A binary file that reads as much as is asked for, but at its end; io.FileIO on an ordinary file is one."""

    def read(self, octets: int, /) -> bytes:
        """That many bytes, or the rest of the file if it is shorter."""

    def seekable(self) -> bool:
        """Whether it is an ordinary file."""

    def seek(self, offset: int, /) -> int:
        """Goes on from there."""

    def fileno(self) -> int:
        """Its descriptor."""

    def close(self) -> None:
        """May be called twice."""


class Recording:
    """Yields the batches of a file, in order, from wherever a `FilePosition` leads."""

    def __init__(self, file: Readable, begun: bytes = b"") -> None:
        """Reads nothing yet.

        Args:
            file: closed here in the end. One that cannot seek is read onwards only.
            begun: what was read of it already.
        """
        self._file, self._begun = file, begun
        self._place = FilePosition(0, 0, 0, zlib.decompressobj(RAW), Decoder())
        self._last_ns = 0
        self.selection = Selection()
        """What was selected when it was recorded."""
        self.times: Sequence[int] = ()
        """The boot clock at each tick that can be read; empty if the file cannot seek."""
        self.ends_early: Limit | None = None
        """Why it ends early, as far as is known."""
        self._limits: tuple[Limit, ...] = ()  # of the whole recording

    def open(self) -> None:
        """Reads the header and, if it can seek, where each tick is.

        Raises:
            Unplayable: it is no recording, of a version that is not known, or without a tick.
        """
        line = read_first_line(self._file.read, self._begun)
        version, header = parsed(line)
        self.selection = Selection(frozenset(header.pids), frozenset(header.uids))
        layout = RecordLayout(header.records, header.kinds)
        decoder = _of_version_1() if version == 1 else Decoder(layout)
        self._place = replace(self._place, offset=len(line) + 1, decoder=decoder)
        if tells_more(layout):
            self._limits = (Limit.of(RECORDING_NEWER, epolltop=printable(header.epolltop[:20])),)
        if self._file.seekable():
            self.times = self._scan()

    def poll(self, wanted: Wanted = NOTHING) -> Batch:
        """The next batch; nothing can be measured any more.

        Raises:
            SourceEnded: that was the last, or the next one cannot be read; see `ends_early`.
        """
        batch = self._next()
        limits = self._limits if self.ends_early is None else (*self._limits, self.ends_early)
        if not limits:
            return batch
        return replace(batch, source=replace(batch.source, limits=(*batch.source.limits, *limits)))

    def glance(self, loops: Collection[LoopKey]) -> None:
        """Nothing can be looked at any more."""

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def place(self) -> FilePosition:
        """Where we are. Only of a file that can seek."""
        here = self._place
        return replace(here, inflate=here.inflate.copy(), decoder=copy.copy(here.decoder))

    def go_to(self, place: FilePosition) -> None:
        """Goes on from there; the place may be used again."""
        self._place = replace(place, inflate=place.inflate.copy(), decoder=copy.copy(place.decoder))
        self._last_ns = self.times[place.ticks - 1] if place.ticks else 0
        self._file.seek(place.offset)

    def _next(self) -> Batch:
        here = self._place
        if self._file.seekable() and here.ticks == len(self.times):
            raise SourceEnded
        head = self._file.read(FRAME.size)
        if len(head) < FRAME.size:
            raise self._ends(RECORDING_CUT)
        length, total, now_ns = FRAME.unpack(head)
        if length > UNPACKED_BYTES_MAX:
            raise self._ends(RECORDING_DAMAGED)
        content = self._file.read(length)
        if len(content) < length:
            raise self._ends(RECORDING_CUT)
        if total != check_sum(length, now_ns, content):
            raise self._ends(RECORDING_DAMAGED)
        if not length:
            raise SourceEnded
        end, ticks = here.offset + len(head) + length, here.ticks + 1
        try:
            raw = _inflated(here.inflate, content, unpacked_max(length, end, ticks, here.unpacked))
            batch = here.decoder.decode(raw)
        except Damaged:
            raise self._ends(RECORDING_DAMAGED) from None
        if batch.now_ns != now_ns or now_ns < self._last_ns:
            raise self._ends(RECORDING_DAMAGED)
        self._last_ns = now_ns
        self._place = replace(here, offset=end, ticks=ticks, unpacked=here.unpacked + len(raw))
        return batch

    def _ends(self, why: str) -> Exception:
        """Ends it here, for good."""
        ticks = self._place.ticks
        self.times = self.times[:ticks]
        if not ticks:
            return _unplayable(why)
        self.ends_early = Limit.of(why, ticks=ticks)
        return SourceEnded()

    def _scan(self) -> Sequence[int]:
        """The time of each tick, from the frames' heads alone: their content is checked when it is read."""
        times = array.array("q")
        file, offset = self._file.fileno(), self._place.offset
        end = os.fstat(file).st_size
        why = RECORDING_CUT
        while True:
            head = os.pread(file, FRAME.size, offset)
            if len(head) < FRAME.size:
                break
            length, total, now_ns = FRAME.unpack(head)
            offset += FRAME.size + length
            if length == 0 and total == check_sum(length, now_ns, b""):
                why = ""
                break
            if length == 0 or length > UNPACKED_BYTES_MAX or now_ns < (times[-1] if times else 0):
                why = RECORDING_DAMAGED
                break
            if offset > end:
                break
            times.append(now_ns)
        if why:
            if not times:
                raise _unplayable(why)
            self.ends_early = Limit.of(why, ticks=len(times))
        elif not times:
            raise Unplayable("a recording without a tick")
        return times


def _of_version_1() -> Decoder:
    """Imported only now: a fiftieth of every start would go into records that hardly any file has."""
    from epolltop.sources.recording import version1

    return version1.decoder()


def _unplayable(why: str) -> Unplayable:
    """The error for a file without a complete tick, for one of the reasons to end early."""
    ends = {RECORDING_CUT: "was cut off", RECORDING_DAMAGED: "is damaged"}
    return Unplayable(f"a recording that {ends[why]} before the end of its first tick")


def _inflated(inflate: Any, content: bytes, most: int) -> bytes:
    try:
        raw: bytes = inflate.decompress(content, max(most, 0) + 1)
    except zlib.error as error:
        raise Damaged(str(error)) from None
    if len(raw) > most:
        raise Damaged("more than a tick may hold")
    return raw
