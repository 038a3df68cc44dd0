"""A screen, an exporter and a recorder over one observation of real probes: each sees exact rates of its own window."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from epolltop.model.event import Kind
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.replay import Replay
from epolltop.sources.bpf.bpf_source import BpfSource
from epolltop.sources.recording.recorder import Recorder
from tests.session.test_listeners import row_of, taken
from tests.workloads.client import Actor

pytestmark = pytest.mark.kernel

LATE = 30
"""Snapshots within which the last events are told, if the thread that drains the buffer hardly runs."""


@contextlib.asynccontextmanager
async def working(actor: Actor) -> AsyncIterator[None]:
    """Creates and closes instances until it is over, at a pace that changes."""
    over = asyncio.Event()

    async def work() -> None:
        count = 0
        while not over.is_set():
            count += 1
            await asyncio.to_thread(actor.do, "pairs", count=1 + count % 7)
            await asyncio.sleep(0.01)

    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        over.set()
        await task


@pytest.mark.alone
async def test_a_screen_an_exporter_and_a_recorder_share_one_observation(actor: Actor, tmp_path: Path) -> None:
    path = tmp_path / "file"

    def opened() -> Recorder:
        recorder = Recorder(BpfSource(), io.FileIO(path, "w"), str(path), Selection())
        recorder.open()
        return recorder

    for watches in (3, 5):
        actor.do("watch", fd=actor.create(), count=watches)
    observation = Observation(opened, Selection())
    screen, exporter = Listener(observation, 1.0), Listener(observation, 0.3, tell_all=True)
    try:
        opened_screen, opened_exporter = await screen.open(), await exporter.open()
        one, other = row_of(opened_screen, actor.pid).instances
        screen.focus, exporter.focus = (one,), (other,)
        began = time.monotonic()
        async with working(actor):
            of_screen, of_exporter = await asyncio.gather(taken(screen, 3), taken(exporter, 10))
        assert time.monotonic() - began < 3 * 1.0 + 2.0, "nobody waits for another's pace"
        # Events come through a buffer, counters do not: when nothing is created any more, the last events follow.
        for _ in range(LATE):
            of_exporter += await taken(exporter, 1)
            if _told(of_exporter, actor.pid) == _created([opened_exporter, *of_exporter], actor.pid):
                break
    finally:
        screen.close()
        exporter.close()
    for opening, snapshots in ((opened_screen, of_screen), (opened_exporter, of_exporter)):
        _rates_are_exact([opening, *snapshots], actor.pid)
    assert all(0.95 <= each.window_s < 2.0 for each in of_screen), "a busy machine looks late"
    assert max(each.window_s for each in of_exporter) < 0.9
    assert len({row_of(each, actor.pid).create_per_s for each in of_exporter}) > 3, "rates that change"
    for snapshot in (of_screen[-1], of_exporter[-1]):
        watched = {each.file: each.watches for each in row_of(snapshot, actor.pid).instances}
        assert (watched[one.file], watched[other.file]) == (3, 5), "what each looks at"
    assert _told(of_exporter, actor.pid) == _created([opened_exporter, *of_exporter], actor.pid)
    await _replays(path, actor.pid, of_screen + of_exporter)


def _told(snapshots: list[Snapshot], pid: int) -> int:
    """Creations that are news."""
    return sum(event.kind is Kind.CREATE and event.pid == pid for each in snapshots for event in each.news)


def _created(snapshots: list[Snapshot], pid: int) -> int:
    """Creations by the counters of the first and the last."""
    return row_of(snapshots[-1], pid).created - row_of(snapshots[0], pid).created


def _rates_are_exact(snapshots: list[Snapshot], pid: int) -> None:
    """Each is what was created since the one before by the time between them: no window is another's."""
    for last, each in itertools.pairwise(snapshots):
        window_s = (each.now_ns - last.now_ns) / 1e9
        created = row_of(each, pid).created - row_of(last, pid).created
        assert each.window_s == window_s
        assert math.isclose(row_of(each, pid).create_per_s, created / window_s)
        assert math.isclose(each.create_per_s, (each.totals.created - last.totals.created) / window_s)


async def _replays(path: Path, pid: int, snapshots: list[Snapshot]) -> None:
    """The recorder wrote a tick for each poll, whoever asked for it: all that was shown is found there."""
    replay = Replay(path, Selection())
    try:
        await replay.open()
        for each in snapshots:
            again = await replay.seek(each.now_ns)
            assert (again.now_ns, again.totals) == (each.now_ns, each.totals)
            assert row_of(again, pid).created == row_of(each, pid).created
    finally:
        replay.close()
