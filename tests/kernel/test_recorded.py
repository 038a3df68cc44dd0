"""What the probes told of a real workload is told again by its recording."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from epolltop.model.event import Kind
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.replay import Replay
from epolltop.session.timeline import Timeline
from epolltop.sources.bpf.bpf_source import BpfSource
from epolltop.sources.recording.recorder import Recorder
from tests.workloads.client import Actor

_Timeline = TypeVar("_Timeline", bound=Timeline)

pytestmark = pytest.mark.kernel


async def test_two_seconds_of_a_real_workload(actor: Actor, tmp_path: Path) -> None:
    path = tmp_path / "file"

    def open_recorder() -> Recorder:
        recorder = Recorder(BpfSource(), io.FileIO(path, "w"), str(path), Selection())
        recorder.open()
        return recorder

    actor.create()
    lived: list[Snapshot] = []
    async with closing(Listener(Observation(open_recorder, Selection()), 0.2, tell_all=True)) as session:
        lived.append(await session.open())
        working = asyncio.ensure_future(asyncio.to_thread(work, actor))
        async for snapshot in session.ticks(2.0):
            lived.append(snapshot)
            session.focus = tuple(instance for row in snapshot.processes for instance in row.instances)
        await working
    told = {event.kind for snapshot in lived for event in snapshot.news if event.pid == actor.pid}
    assert told >= {Kind.CREATE, Kind.RELEASE}
    async with closing(Replay(path, Selection(), tell_all=True, paced=False)) as replay:
        again = [await replay.open(), *[snapshot async for snapshot in replay.ticks()]]
        assert replay.trouble == ""
    assert again == [replace(snapshot, source=replace(snapshot.source, kind="replay")) for snapshot in lived]
    async with closing(Replay(path, Selection())) as replay:
        await replay.open()
        assert await replay.seek(lived[-1].now_ns) == replace(again[-1], news=())
        assert await replay.step(-3) == replace(again[-4], news=())
        replay.speed = math.inf
        assert await anext(replay.ticks()) == replace(again[-1], news=())


def work(actor: Actor) -> None:
    """Comes, goes and stays."""
    for _ in range(20):
        actor.do("pairs", count=5)
        actor.create()


@asynccontextmanager
async def closing(session: _Timeline) -> AsyncIterator[_Timeline]:
    try:
        yield session
    finally:
        session.close()
