"""What is written can be replayed: of a full disk, of a stream, where nothing can be kept."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from epolltop.errors import Unplayable
from epolltop.model.process_selection import Selection
from epolltop.sources.recording.reader import Recording
from epolltop.sources.recording.recorder import Recorder
from tests.support.fake_source import FakeSource
from tests.support.recorded_ticks import TICKS
from tests.support.recordings import content, frame_ends, opened, read, rest, write


class Full(io.RawIOBase):
    """Takes a few bytes at a time, and so many altogether."""

    def __init__(self, room: int) -> None:
        self.room, self.content = room, b""

    def writable(self) -> bool:
        return True

    def write(self, part: object) -> int:
        raw = bytes(part)[: min(7, self.room)]  # type: ignore[call-overload]
        if not raw:
            raise OSError(28, "No space left on device")
        self.room -= len(raw)
        self.content += raw
        return len(raw)


def test_what_stands_on_a_full_disk_can_be_replayed() -> None:
    whole = content(TICKS)
    full = Full(frame_ends(whole)[1] + 20)
    recorder = Recorder(FakeSource(TICKS), full, "somewhere", Selection())  # type: ignore[arg-type]
    recorder.poll()
    recorder.poll()
    with pytest.raises(OSError, match="No space left on device: 'somewhere'"):
        recorder.poll()
    recorder.close()
    assert full.content == whole[: frame_ends(whole)[1] + 20]
    assert read(full.content)[1] == "was cut off after 2 ticks"


def test_the_selection_is_remembered(tmp_path: Path) -> None:
    selection = Selection(frozenset({3, 1}), frozenset({1000}))
    recording = opened(write(tmp_path / "file", TICKS, selection))
    assert recording.selection == selection
    recording.close()


def test_a_stream_that_is_to_end_ends() -> None:
    from epolltop.saved.opening import open_saved

    out, into = os.pipe()
    os.write(into, content(TICKS)[:-10])
    asked: list[bool] = []

    def halted() -> bool:
        asked.append(True)
        return True

    recording = open_saved(Path(f"/dev/fd/{out}"), Selection(), onwards=True, halted=halted)
    assert isinstance(recording, Recording)
    told = list(rest(recording))
    recording.close()
    os.close(into)
    os.close(out)
    assert len(told) == len(TICKS)
    assert asked


def streamed(raw: bytes) -> int:
    """A descriptor of a pipe that holds it."""
    out, into = os.pipe()
    os.write(into, raw)
    os.close(into)
    return out


def test_a_stream_is_kept_in_memory_where_no_directory_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from epolltop.saved.opening import open_saved

    raw = content(TICKS)
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    recording = open_saved(streamed(raw), Selection(), onwards=False)
    assert len(list(rest(recording))) == len(TICKS)  # type: ignore[arg-type]


def test_in_memory_less_of_a_stream_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from epolltop.saved.opening import SPOOL_BYTES_MAX, SPOOL_MEMORY_MAX, open_saved

    assert SPOOL_MEMORY_MAX == 128 << 20 < SPOOL_BYTES_MAX
    raw = content(TICKS)
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    monkeypatch.setattr("epolltop.saved.opening.SPOOL_MEMORY_MAX", len(raw) - 1)
    with pytest.raises(Unplayable, match="too large"):
        open_saved(streamed(raw), Selection(), onwards=False)
