"""A replay shows what was shown when it happened, in any order."""

from __future__ import annotations

import asyncio
import math
import random
import threading
from pathlib import Path

import pytest

from epolltop.session import checkpoints
from tests.session.replaying import life, lived, replayed
from tests.support.recordings import write


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
