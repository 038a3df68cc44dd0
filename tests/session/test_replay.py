"""A replay shows what was shown when it happened, in any order."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import math
import os
import random
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from epolltop.errors import SourceEnded, Unplayable
from epolltop.model.batch import Batch
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.output.batch_command import run_batch
from epolltop.output.event_lines import run_events
from epolltop.output.parts import Write
from epolltop.output.report import Report
from epolltop.output.snapshot_command import run_snapshot
from epolltop.query.filter import everything, parse
from epolltop.query.headline import notes
from epolltop.query.view import PROCESSES, View
from epolltop.session import checkpoints
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.replay import Replay
from epolltop.session.timeline import Timeline
from epolltop.sources.recording.container import FRAME
from epolltop.sources.recording.recorder import Recorder
from tests.model.test_any_order import _deliver, _run
from tests.support.examples import EVENTS, exact
from tests.support.fake_source import FakeSource, ScriptedSource, Task, batch_of
from tests.support.formats import FORMATS
from tests.support.recordings import write

SECOND = 1_000_000_000


def life(ticks: int, seed: int = 1) -> list[Batch]:
    """A life of three processes with late, doubled and lost events, a tick about a second."""
    chance = random.Random(seed)
    steps = []
    for _ in range(ticks):
        for _ in range(3):
            what = chance.choice(["create", "close", "share", "send", "receive", "drop"])
            steps.append((what, chance.randrange(3), chance.randrange(3), chance.random() < 0.8))
        steps.append(("tick", 0, 0, True))
    fates = [chance.choice([(0,), (0,), (), (1,), (0, 2)]) for _ in range(50)]
    return [_slower(tick) for tick in _deliver(_run(steps), fates)][:ticks]


def _slower(tick: Batch) -> Batch:
    """Its clock runs in nanoseconds, and steps of 10."""
    return dataclasses.replace(tick, now_ns=tick.now_ns * 10**8, wall_ns=tick.now_ns * 10**8)


async def lived(batches: Sequence[Batch]) -> list[Snapshot]:
    """What a session shows of these: at the opening, and each tick."""
    session = Listener(Observation(lambda: FakeSource(batches), Selection()), 0.0)
    snapshots = [await session.open()]
    with contextlib.suppress(SourceEnded):
        async for snapshot in session.ticks():
            snapshots.append(snapshot)
    session.close()
    return [dataclasses.replace(each, source=dataclasses.replace(each.source, kind="replay")) for each in snapshots]


@asynccontextmanager
async def replayed(path: Path, *, paced: bool = True, selection: Selection | None = None) -> AsyncIterator[Replay]:
    replay = Replay(path, selection or Selection(), paced=paced)
    try:
        yield replay
    finally:
        replay.close()


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return write(tmp_path / "file", life(100))


async def test_played_through_it_shows_what_was_shown(path: Path) -> None:
    expected = await lived(life(100))
    async with replayed(path, paced=False) as replay:
        assert [await replay.open(), *[each async for each in replay.ticks()]] == expected
        assert (replay.at_end, replay.trouble) == (True, "")


async def test_its_thread_ends_when_it_is_closed(path: Path) -> None:
    before = set(threading.enumerate())
    async with replayed(path) as replay:
        await replay.open()
        assert set(threading.enumerate()) - before
    assert not set(threading.enumerate()) - before
    replay.close()


@pytest.mark.parametrize("room", [checkpoints.BYTES_MAX, 3 << 17])
async def test_wherever_one_goes_it_shows_what_was_shown(
    path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "BYTES_MAX", room)
    expected = await lived(life(100))
    chance = random.Random(2)
    async with replayed(path) as replay:
        assert await replay.open() == expected[0]
        assert (replay.begin_ns, replay.begin_wall_ns) == (expected[0].now_ns, expected[0].wall_ns)
        assert replay.end_ns == expected[-1].now_ns
        for _ in range(200):
            tick = chance.randrange(100)
            at_ns = chance.randrange(expected[tick].now_ns, expected[tick + 1].now_ns) if tick < 99 else replay.end_ns
            assert await replay.seek(at_ns) == expected[tick]
            assert (replay.position, replay.at_end) == (expected[tick].now_ns, tick == 99)
            step = chance.choice([-200, -17, -1, 0, 1, 5, 200])
            assert await replay.step(step) == expected[max(0, min(99, tick + step))]
        assert await replay.seek(-5) == expected[0]
        assert await replay.seek(1 << 80) == expected[-1]


async def test_checkpoints_stay_within_their_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "BYTES_MAX", 3 << 17)
    async with replayed(path) as replay:
        await replay.open()
        for at_ns in (replay.end_ns, replay.begin_ns, replay.end_ns // 2):
            await replay.seek(at_ns)
            assert replay._world is not None
            kept = replay._world._checkpoints._kept
            assert sum(each.octets for each in kept.values()) <= 3 << 17
            assert 0 in kept


async def test_a_journal_that_is_longer_than_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("epolltop.model.world", "epolltop.session.checkpoints"):
        monkeypatch.setattr(f"{module}.JOURNAL", 7)
    expected = await lived(life(60))
    assert any(snapshot.journal_end > 20 for snapshot in expected)
    async with replayed(write(tmp_path / "file", life(60))) as replay:
        await replay.open()
        for tick in (59, 33, 17, 2, 49, 48):
            assert await replay.seek(expected[tick].now_ns) == expected[tick]


# As time passes.


async def test_at_infinite_speed_it_goes_to_the_end_and_waits(path: Path) -> None:
    expected = await lived(life(100))
    async with replayed(path) as replay:
        replay.speed = math.inf
        await replay.open()
        ticks = replay.ticks()
        assert await anext(ticks) == expected[-1]
        assert replay.at_end
        waiting = asyncio.ensure_future(anext(ticks))
        assert await replay.step(-99) == expected[0]
        assert await waiting == expected[-1]
        waiting = asyncio.ensure_future(anext(ticks))
        await asyncio.sleep(0)
        assert not waiting.done()
        replay.stopping.set()
        with pytest.raises(StopAsyncIteration):
            await waiting


async def test_at_a_high_speed_ticks_are_left_out_and_the_last_is_shown(path: Path) -> None:
    expected = await lived(life(100))
    async with replayed(path) as replay:
        replay.speed = 1000.0
        await replay.open()
        shown = []
        async for snapshot in replay.ticks():
            shown.append(snapshot)
            if replay.at_end:
                break
        assert shown[-1] == expected[-1]
        assert len(shown) < 50
        assert all(each in expected for each in shown)


async def test_held_it_stands_until_it_is_let_go(path: Path) -> None:
    expected = await lived(life(100))
    async with replayed(path) as replay:
        replay.speed, replay.held = math.inf, True
        await replay.open()
        ticks = replay.ticks()
        waiting = asyncio.ensure_future(anext(ticks))
        assert await replay.step(3) == expected[3]
        assert await replay.step(-1) == expected[2]
        assert not waiting.done()
        assert replay.held
        replay.held = False
        assert await waiting == expected[-1]


async def test_it_takes_its_time(path: Path) -> None:
    expected = await lived(life(100))
    async with replayed(path) as replay:
        await replay.open()
        replay.speed = 20.0
        loop = asyncio.get_running_loop()
        began = loop.time()
        ticks = replay.ticks()
        shown = expected[0]
        while shown.now_ns < expected[4].now_ns:
            shown = await anext(ticks)
        assert loop.time() - began >= (expected[4].now_ns - expected[0].now_ns) / 1e9 / 20


async def test_who_leaves_does_not_wait_for_a_long_way(path: Path) -> None:
    async with replayed(path) as replay:
        opening = await replay.open()
        replay.stopping.set()
        assert await replay.seek(replay.end_ns) == opening


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


# Front ends.

TASKS = (Task(42, open=2, created=3, released=1), Task(77, "redis-server", user="redis"))
SCRIPT = (
    batch_of(*TASKS, events=EVENTS[:2]),
    batch_of(*TASKS, Task(99, "late", created=1), events=EVENTS[2:4], lost=1),
    batch_of(TASKS[0], events=EVENTS[4:]),
)
Run = Callable[[Timeline, Write, float], Coroutine[None, None, None]]
VIEWS = {
    "all": View(PROCESSES),
    "filtered": View(PROCESSES, filter=parse("open>1 or late"), sort="pid"),
    "cut": View(PROCESSES, rows=1),
}


async def batches(session: Timeline, write: Write, _: float, *, view: str, json: bool) -> None:
    await run_batch(session, VIEWS[view], view, write, count=4, json=json, watches=False, ascii_only=False, width=120)


async def snapshots(session: Timeline, write: Write, seconds: float, *, view: str, format: str) -> None:
    await run_snapshot(
        session,
        VIEWS[view],
        view,
        write,
        say=str,
        seconds=seconds,
        format=format,
        events=True,
        watches=False,
        ascii_only=False,
        width=120,
    )


async def events(session: Timeline, write: Write, seconds: float, *, json: bool) -> None:
    await run_events(session, everything, write, say=str, seconds=seconds, json=json, ascii_only=False)


RUNS: dict[str, Run] = {
    **{f"batch {view}": partial(batches, view=view, json=False) for view in VIEWS},
    **{f"batch {view} json": partial(batches, view=view, json=True) for view in VIEWS},
    **{f"{format} {view}": partial(snapshots, view=view, format=format) for view in VIEWS for format in FORMATS},
    "events": partial(events, json=False),
    "events json": partial(events, json=True),
}


@pytest.mark.parametrize("selection", [Selection(), Selection(frozenset({42})), Selection(uids=frozenset({33}))])
@pytest.mark.parametrize("front_end", RUNS)
async def test_a_front_end_writes_the_same_again(front_end: str, selection: Selection, tmp_path: Path) -> None:
    path = tmp_path / "file"
    run = RUNS[front_end]

    def open_recorder() -> Recorder:
        return Recorder(ScriptedSource(*SCRIPT), io.FileIO(path, "w"), str(path), Selection())

    then = await written(run, Listener(Observation(open_recorder, selection), 0.01, tell_all=True), 0.05)
    replay = Replay(path, selection, tell_all=True, paced=False)
    again = await written(run, replay, math.inf)
    assert again == as_replay(then)
    assert then
    assert replay.trouble == ""


async def written(run: Run, session: Timeline, seconds: float) -> str:
    parts: list[str] = []
    try:
        await run(session, parts.extend, seconds)
    finally:
        session.close()
    return "".join(parts)


def as_replay(text: str) -> str:
    for live, replay in (
        ('"kind":"bpf"', '"kind":"replay"'),
        ('"kind": "bpf"', '"kind": "replay"'),
        ("source bpf", "source replay"),
    ):
        text = text.replace(live, replay)
    return text


EARLIER = Path(__file__).parents[1] / "earlier"
"""Written before records had all the members that they have now, and when names of functions were not cut."""


@pytest.mark.parametrize("front_end", RUNS)
@pytest.mark.parametrize("file", ["ticks.rec", "snapshot.json"])
async def test_files_of_earlier_versions_are_read(file: str, front_end: str) -> None:
    replay = Replay(EARLIER / file, Selection(), tell_all=True, paced=False)
    text = await written(RUNS[front_end], replay, math.inf)
    assert replay.trouble == ""
    assert replay.end_ns == 1_003_000_000_000
    assert text


async def test_what_files_of_earlier_versions_tell_is_told() -> None:
    for file in ("ticks.rec", "snapshot.json"):
        async with replayed(EARLIER / file) as replay:
            await replay.open()
            shown = await replay.seek(replay.end_ns)
        assert {(row.pid, len(row.instances)) for row in shown.processes if row.instances} == {(42, 2)}
        assert (shown.totals.created, shown.totals.released, len(shown.journal)) == (3, 1, 8)
        stack, _ = (event.stack for event in shown.journal if event.stack)
        assert (stack[0][:8], stack[1:]) == ("ns::ns::", ("main+0x2 (worker)",))


async def test_a_snapshot_about_the_first_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "file", life(100))
    ticks = life(100)
    for seconds in (0, 7, 40, math.inf):
        parts: list[str] = []
        replay = Replay(path, Selection(), paced=False)
        await run_snapshot(
            replay,
            VIEWS["all"],
            "",
            parts.extend,
            say=str,
            seconds=seconds,
            format="json",
            events=False,
            watches=False,
            ascii_only=False,
        )
        replay.close()
        document: dict[str, Any] = json.loads("".join(parts))
        ends_ns = ticks[0].now_ns + seconds * SECOND
        last = next((tick for tick in ticks if tick.now_ns >= ends_ns), ticks[-1])
        assert document["clocks"]["boottime_ns"] == last.now_ns
        assert (document["window_s"] == 0) == (seconds == 0)
