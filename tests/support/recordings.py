"""Recordings made from batches, and what is in them."""

from __future__ import annotations

import dataclasses
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from epolltop.errors import SourceEnded
from epolltop.model.batch import Batch
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.output.report import Report
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import Field
from epolltop.query.instance_fields import INSTANCE_FIELDS, InstanceOf
from epolltop.query.limit_catalogue import words
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import PROCESSES, View
from epolltop.saved.opening import open_saved
from epolltop.sources.recording.container import FRAME
from epolltop.sources.recording.reader import Recording
from epolltop.sources.recording.record_layout import own_layout
from epolltop.sources.recording.recorder import Recorder
from tests.support.fake_source import FakeSource
from tests.support.formats import FORMATS


def show(snapshot: Snapshot) -> None:
    """Everything that any front end makes text of."""
    for written in FORMATS.values():
        written(Report(snapshot, View(PROCESSES), snapshot.processes, events=snapshot.journal))
    held = [InstanceOf(instance, row) for row in snapshot.processes for instance in row.instances]
    rows: tuple[tuple[Sequence[Any], Sequence[Field[Any]]], ...] = (
        (snapshot.processes, PROCESS_FIELDS),
        (held, INSTANCE_FIELDS),
        (snapshot.journal, EVENT_FIELDS),
    )
    for records, fields in rows:
        assert all(field.show(record, snapshot).isprintable() for field in fields for record in records)


def write(path: Path, batches: Sequence[Batch], selection: Selection | None = None) -> Path:
    """A whole recording."""
    recorder = Recorder(FakeSource(batches), io.FileIO(path, "w"), str(path), selection or Selection())
    for _ in batches:
        recorder.poll()
    recorder.close()
    return path


def content(batches: Sequence[Batch]) -> bytes:
    """The same, as bytes."""
    with tempfile.NamedTemporaryFile() as file:
        return write(Path(file.name), batches).read_bytes()


def first_line() -> bytes:
    """Of a recording that is written now."""
    layout = own_layout()
    return b'epolltop.recording/2 {"epolltop":"1","records":%s,"kinds":%s}\n' % (
        msgspec.json.encode(layout.records),
        msgspec.json.encode(layout.kinds),
    )


def read(raw: bytes) -> tuple[list[Batch], str]:
    """The batches of a file with that content, and why there are no more.

    Raises:
        Unplayable: there are none.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        with closing(opened(Path(file.name))) as recording:
            batches = list(rest(recording))
    return batches, ended(recording)


def read_stream(raw: bytes) -> tuple[list[Batch], str]:
    """The same through a pipe, which must hold it all."""
    out, into = os.pipe()
    os.write(into, raw)
    os.close(into)
    try:
        recording = opened(Path(f"/dev/fd/{out}"))
    finally:
        os.close(out)
    with closing(recording):
        batches = list(rest(recording))
    return batches, ended(recording)


def opened(path: Path) -> Recording:
    """A recording, before its first tick."""
    recording = open_saved(path, Selection(), onwards=True)
    assert isinstance(recording, Recording)
    return recording


def rest(recording: Recording) -> Iterator[Batch]:
    """What is to come."""
    while True:
        try:
            yield recording.poll()
        except SourceEnded:
            return


def ended(recording: Recording) -> str:
    """Why it ended early, in words; empty if it did not."""
    return words(recording.ends_early).removeprefix("the recording ") if recording.ends_early else ""


def as_told(told: Batch) -> Batch:
    """What a recording can tell of it: everything but which kind of source it was, and lists in place of tuples."""
    taken = told.census
    return dataclasses.replace(
        told,
        source=dataclasses.replace(told.source, kind="replay"),
        events=list(told.events),
        census=taken and dataclasses.replace(taken, holdings=list(taken.holdings)),
    )


def frame_ends(whole: bytes) -> list[int]:
    """The end frame's too."""
    at = whole.index(b"\n") + 1
    ends = []
    while at < len(whole):
        at += FRAME.size + FRAME.unpack_from(whole, at)[0]
        ends.append(at)
    return ends
