"""A file is replayed as far as it can be: damaged, of a selection, a stream, or a snapshot."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from epolltop.errors import Unplayable
from epolltop.model.batch import Batch
from epolltop.model.process_selection import Selection
from epolltop.output.report import Report
from epolltop.query.headline import notes
from epolltop.query.view import PROCESSES, View
from epolltop.sources.recording.container import FRAME
from tests.session.replaying import life, lived, replayed
from tests.support.examples import EVENTS, exact
from tests.support.formats import FORMATS
from tests.support.recordings import write

# Damaged files.


def damaged(path: Path, ticks: Sequence[Batch], tick: int) -> Path:
    """A recording with a wrong bit in the content of one tick."""
    raw = bytearray(write(path, ticks).read_bytes())
    at = raw.index(b"\n") + 1
    for _ in range(tick):
        at += FRAME.size + FRAME.unpack_from(raw, at)[0]
    raw[at + FRAME.size + 5] ^= 1
    path.write_bytes(raw)
    return path


async def test_damage_met_on_the_way_is_the_end(tmp_path: Path) -> None:
    expected = await lived(life(60))
    async with replayed(damaged(tmp_path / "file", life(60), tick=33)) as replay:
        await replay.open()
        assert replay.end_ns == expected[-1].now_ns
        last = await replay.seek(replay.end_ns)
        assert last.now_ns == replay.end_ns == expected[32].now_ns
        assert replay.at_end
        assert replay.trouble in notes(last)
        assert await replay.step(5) == last
        assert (await replay.step(-1)).now_ns == expected[31].now_ns
        assert await replay.step(1) == last


async def test_one_tick_is_left(tmp_path: Path) -> None:
    path = write(tmp_path / "file", life(1))
    (expected,) = await lived(life(1))
    for paced in (False, True):
        async with replayed(path, paced=paced) as replay:
            assert await replay.open() == expected
            assert (replay.at_end, replay.begin_ns, replay.end_ns) == (True, expected.now_ns, expected.now_ns)
            assert await replay.step(1) == await replay.seek(0) == expected
    async with replayed(path, paced=False) as replay:
        await replay.open()
        assert [each.now_ns async for each in replay.ticks()] == [expected.now_ns]


async def test_what_cannot_be_opened_is_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"nonsense")
    async with replayed(tmp_path / "file") as replay:
        with pytest.raises(Unplayable):
            await replay.open()
    async with replayed(tmp_path / "missing") as replay:
        with pytest.raises(FileNotFoundError):
            await replay.open()
    async with replayed(tmp_path) as replay:
        with pytest.raises(IsADirectoryError):
            await replay.open()


async def test_a_stream_can_be_gone_back_in_if_somebody_looks(path: Path) -> None:
    expected = await lived(life(100))
    out, into = os.pipe()
    feeding = asyncio.get_running_loop().run_in_executor(None, _feed, into, path)
    async with replayed(Path(f"/dev/fd/{out}")) as replay:
        await replay.open()
        await feeding
        os.close(out)
        assert await replay.seek(replay.end_ns) == expected[-1]
        assert await replay.step(-50) == expected[49]


def _feed(into: int, path: Path) -> None:
    with open(into, "wb") as pipe:
        pipe.write(path.read_bytes())


# Selections.


async def test_what_was_selected_when_it_was_recorded_is_selected(tmp_path: Path) -> None:
    ticks = life(20)
    path = write(tmp_path / "file", ticks, Selection(frozenset({200})))
    for given, pids in ((Selection(), {200}), (Selection(frozenset({100})), {100})):
        async with replayed(path, selection=given) as replay:
            await replay.open()
            snapshot = await replay.seek(replay.end_ns)
            assert {row.pid for row in snapshot.processes} <= pids
            assert {event.pid for event in snapshot.journal} == pids


# A snapshot file.


async def test_a_snapshot_file_is_one_tick(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(FORMATS["json"](Report(exact(), View(PROCESSES), exact().processes, events=EVENTS)))
    async with replayed(path) as replay:
        snapshot = await replay.open()
        assert (snapshot.source.kind, len(snapshot.processes)) == ("replay", 3)
        assert (replay.begin_ns, replay.end_ns, replay.position) == (snapshot.now_ns,) * 3
        assert replay.at_end
        waiting = asyncio.ensure_future(anext(replay.ticks()))
        quiet = dataclasses.replace(snapshot, news=())
        assert await replay.step(-1) == await replay.seek(0) == quiet
        assert not waiting.done()
        waiting.cancel()
