"""When a session asks its source, and what it makes of that."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from epolltop.model.batch import Batch
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.window import Mark, Window
from epolltop.model.world import World
from epolltop.session import listener, outage
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.outage import Outage
from epolltop.session.timeline import Timeline
from tests.support.fake_source import ScriptedSource, Task, batch_of, file_of
from tests.support.records import NOW_NS, SECOND_NS, A, P, create, release


class Opened(Listener):
    """Over a script."""

    def __init__(self, source: ScriptedSource, delay_s: float = 1.0) -> None:
        super().__init__(Observation(lambda: source, Selection()), delay_s, tell_all=True)


@pytest.fixture(name="often")
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "POLL_S", 0.02)


def storm() -> Iterator[tuple[Task, int]]:
    """A process that makes one instance more with each poll."""
    for number in range(1, 100):
        yield Task(42, open=0, created=number, released=number), NOW_NS + number * SECOND_NS


def script() -> ScriptedSource:
    told = [batch_of(task, events=[create(A, at - 2, P), release(A, at - 1, at - 2, P)]) for task, at in storm()]
    return ScriptedSource(batch_of(), *told)


async def first(session: Timeline, count: int) -> list[Snapshot]:
    await session.open()
    snapshots: list[Snapshot] = []
    async for snapshot in session.ticks():
        snapshots.append(snapshot)
        if len(snapshots) == count:
            break
    return snapshots


@pytest.mark.usefixtures("often")
async def test_between_two_snapshots_far_apart_the_source_is_asked_all_the_same() -> None:
    source = script()
    session = Opened(source, delay_s=0.1)
    try:
        one, two = await first(session, 2)
    finally:
        session.close()
    assert source.polls == 11
    assert (one.window_s, two.window_s) == (5.0, 5.0)
    assert [[row.create_per_s for row in each.processes] for each in (one, two)] == [[1.0], [1.0]]
    assert two.processes[0].rates_kept("history") == (1.0, 1.0)
    assert [len(each.news) for each in (one, two)] == [10, 10]
    assert len(two.journal) == 20


@pytest.mark.usefixtures("often")
async def test_one_that_acted_and_ended_between_two_snapshots_has_its_name() -> None:
    short = batch_of(Task(77, name="short", created=1, open=1))
    gone = batch_of()
    session = Opened(ScriptedSource(batch_of(), short, gone, gone, gone, gone), delay_s=0.1)
    try:
        (one,) = await first(session, 1)
    finally:
        session.close()
    assert [(row.pid, row.name, row.created, row.ended) for row in one.processes] == [(77, "short", 1, True)]


async def test_a_short_refresh_asks_once_a_snapshot() -> None:
    source = script()
    session = Opened(source, delay_s=0.02)
    try:
        snapshots = await asyncio.wait_for(first(session, 3), 5)
    finally:
        session.close()
    assert (source.polls, [each.window_s for each in snapshots]) == (4, [1.0, 1.0, 1.0])


@pytest.mark.usefixtures("often")
async def test_an_observation_tells_its_news_and_makes_rows_in_the_end_only(monkeypatch: pytest.MonkeyPatch) -> None:
    freeze = World.freeze
    frozen: list[Window] = []

    def counted(self: World, window: Window, since: Mark | None = None) -> Snapshot:
        frozen.extend(each for each in self.windows if each is window)  # not the judge's
        return freeze(self, window, since)

    monkeypatch.setattr(World, "freeze", counted)
    source = script()
    session = Opened(source)
    try:
        news = list((await session.open()).news)
        async for told in session.observe(0.2):
            news += told
        assert source.polls > 1
        assert len(frozen) == 1, "at its start"
        snapshot = await session.now()
    finally:
        session.close()
    assert len([*news, *snapshot.news]) == 2 * (source.polls - 1)
    assert snapshot.window_s == source.polls
    assert [row.created for row in snapshot.processes] == [source.polls - 1]


async def test_all_interest_lists_are_those_of_whom_the_selection_covers() -> None:
    source = ScriptedSource(batch_of(Task(42, open=2), Task(77, open=3, shares=(file_of(42, 0),))))
    session = Listener(Observation(lambda: source, Selection(pids=frozenset({77}))), 1.0)
    try:
        await session.open()
        await session.look_at_all()
        await session.now()
    finally:
        session.close()
    assert set(source.focus) == {file_of(77, 0), file_of(77, 1), file_of(77, 2), file_of(42, 0)}


async def test_what_passes_is_ridden_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks = [OSError(24, "Too many open files"), MemoryError(), OSError(11, "Try again"), OSError(24, "Too many")]
    session = Opened(ScriptedSource(batch_of(), *lacks, batch_of(Task(42))), delay_s=0.02)
    said: list[str] = []
    session.on_outage = lambda outage: said.append(outage.what if outage else "over")
    try:
        (one,) = await first(session, 1)
    finally:
        session.close()
    assert [row.pid for row in one.processes] == [42]
    assert said == ["Too many open files", "not enough memory", "Try again", "Too many", "over"]


async def test_what_does_not_pass_in_time_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "PATIENCE_S", 0.05)
    session = Opened(ScriptedSource(batch_of(), *[OSError(24, "Too many open files")] * 100), delay_s=0.02)
    try:
        with pytest.raises(OSError, match="Too many"):
            await first(session, 1)
    finally:
        session.close()


async def test_that_there_is_no_answer_is_said_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "LATE_S", 0.05)
    source = ScriptedSource(batch_of(), batch_of(Task(42)))
    session = Opened(source, delay_s=0.02)
    said: list[str] = []
    answers, poll = threading.Event(), source.poll

    def slow(*asked: Any) -> Batch:
        assert answers.wait(30)
        return poll(*asked)

    def heard(outage: Outage | None) -> None:
        said.append(str(outage)[-20:] if outage else "over")
        answers.set()

    session.on_outage = heard
    try:
        await session.open()
        monkeypatch.setattr(source, "poll", slow)
        one = await anext(session.ticks())
    finally:
        answers.set()
        session.close()
    assert [row.pid for row in one.processes] == [42]
    assert said == [": there is no answer", "over"]


async def test_after_a_tick_that_took_long_no_window_is_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[float] = []
    source = ScriptedSource(batch_of())
    poll = source.poll

    def slow(*asked: Any) -> Batch:
        began.append(time.monotonic())
        if len(began) == 2:
            time.sleep(0.17)
        told = poll(*asked)
        ended.append(time.monotonic())
        return told

    ended: list[float] = []
    monkeypatch.setattr(source, "poll", slow)
    session = Opened(source, delay_s=0.1)
    try:
        await first(session, 4)
    finally:
        session.close()
    windows = [later - earlier for earlier, later in zip(ended, began[1:], strict=False)]
    assert min(windows) > 0.04
