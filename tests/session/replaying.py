"""Lives of processes to record, and replays of them."""

from __future__ import annotations

import contextlib
import dataclasses
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from epolltop.errors import SourceEnded
from epolltop.model.batch import Batch
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.replay import Replay
from tests.model.test_any_order import _deliver, _run
from tests.support.fake_source import FakeSource


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
