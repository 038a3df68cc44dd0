"""Several who listen to one observation, each with a window, a focus, a pace and news of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from epolltop.model.loop_activity import LoopKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.window import NEWS_MAX
from epolltop.model.world import World
from epolltop.query.losses import missing
from epolltop.session import listener as listener_module
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from epolltop.session.outage import Outage
from epolltop.session.replay import Replay
from epolltop.session.timeline import Playback, Timeline
from epolltop.text.numbers import grouped
from tests.support.fake_source import ScriptedSource, Task, batch_of, file_of
from tests.support.records import NOW_NS, SECOND_NS, A, P, create, loop
from tests.waiting import PATIENCE_S


def growing() -> ScriptedSource:
    """A process that makes ten instances more with each poll, a second apart, and an event of one."""
    told = [
        batch_of(Task(42, open=2, created=10 * poll), events=[create(A, NOW_NS + poll * SECOND_NS, P)])
        for poll in range(200)
    ]
    return ScriptedSource(*told)


def row_of(snapshot: Snapshot, pid: int) -> ProcessRow:
    (row,) = [row for row in snapshot.processes if row.pid == pid]
    return row


async def taken(listener: Listener, count: int) -> list[Snapshot]:
    snapshots: list[Snapshot] = []
    async for snapshot in listener.ticks():
        snapshots.append(snapshot)
        if len(snapshots) == count:
            break
    return snapshots


async def test_each_has_a_window_of_its_own() -> None:
    observation = Observation(growing, Selection())
    slow, quick = Listener(observation, 0.3), Listener(observation, 0.05)
    with contextlib.closing(slow), contextlib.closing(quick):
        began = [await slow.open(), await quick.open()]
        assert [each.window_s for each in began] == [0.0, 0.0]
        of_slow, of_quick = await asyncio.gather(taken(slow, 2), taken(quick, 8))
    # A poll is a second of the source's: both had polls that the other asked for.
    for snapshots, opened in ((of_slow, began[0]), (of_quick, began[1])):
        windows = [each.now_ns - last.now_ns for last, each in zip([opened, *snapshots], snapshots, strict=False)]
        assert [each.window_s * SECOND_NS for each in snapshots] == windows
        assert {row_of(each, 42).create_per_s for each in snapshots} == {10.0}
        assert row_of(snapshots[-1], 42).rates_kept("history") == (10.0,) * len(snapshots)
    assert sum(each.window_s for each in of_slow) > 2 * 4, "what the other asked for is in its window"


async def test_each_has_news_of_its_own() -> None:
    observation = Observation(growing, Selection())
    listeners = [Listener(observation, 0.05, tell_all=True), Listener(observation, 0.2, tell_all=True)]
    deaf = Listener(observation, 0.1)
    told: list[list[int]] = []
    for listener in (*listeners, deaf):
        told.append([event.time_ns for event in (await listener.open()).news])
    every = await asyncio.gather(taken(listeners[0], 8), taken(listeners[1], 2), taken(deaf, 2))
    for listener in (*listeners, deaf):
        listener.close()
    for news, snapshots in zip(told, every, strict=True):
        news += [event.time_ns for snapshot in snapshots for event in snapshot.news]
    assert told[2] == []
    for news in told[:2]:
        assert len(news) > 4
        assert news == list(range(news[0], news[-1] + 1, SECOND_NS)), "each once, in order"


async def test_who_stalls_is_told_the_last_events_and_how_many_are_dropped() -> None:
    few = [create(A, NOW_NS + each, P) for each in range(40_000)]
    observation = Observation(
        lambda: ScriptedSource(batch_of(), *(batch_of(events=few) for _ in range(100))), Selection()
    )
    busy, stalled = Listener(observation, 0.02), Listener(observation, 60.0, tell_all=True)
    with contextlib.closing(busy), contextlib.closing(stalled):
        await busy.open()
        await stalled.open()
        await taken(busy, 4)
        late = await stalled.now()
    assert len(late.news) == NEWS_MAX
    assert late.dropped >= 4 * len(few) - NEWS_MAX
    assert (late.dropped + NEWS_MAX) % len(few) == 0, "each is told or counted"
    assert f"{grouped(late.dropped)} events dropped" in missing(late)


async def test_what_all_look_at_is_measured() -> None:
    source = growing()
    observation = Observation(lambda: source, Selection())
    screen, exporter = Listener(observation, 0.05), Listener(observation, 0.05)
    with contextlib.closing(exporter):
        instances = {one.file: one for one in row_of(await screen.open(), 42).instances}
        await exporter.open()
        screen.focus, exporter.focus = ((instances[file_of(42, number)],) for number in (0, 1))
        screen.shown = (row_of(await screen.now(), 42).key,)
        await exporter.now()
        assert (set(source.focus), len(source.shown)) == ({file_of(42, 0), file_of(42, 1)}, 1)
        screen.close()
        await exporter.now()
        assert (set(source.focus), len(source.shown)) == ({file_of(42, 1)}, 0)
        assert not source.closed
    assert source.closed, "by the last"


async def test_who_comes_later_begins_there() -> None:
    observation = Observation(growing, Selection())
    first, second = Listener(observation, 0.02, tell_all=True), Listener(observation, 0.02, tell_all=True)
    with contextlib.closing(first), contextlib.closing(second):
        await first.open()
        await taken(first, 5)
        opened = await second.open()
        assert (opened.window_s, len(opened.news)) == (0.0, 1)
        (one,) = await taken(second, 1)
        assert (one.window_s, row_of(one, 42).rates_kept("history")) == (1.0, (10.0,))
        assert row_of(one, 42).created >= 60, "counts run since the start"


async def test_all_are_told_of_an_outage() -> None:
    source = ScriptedSource(batch_of(), batch_of(), OSError(24, "Too many open files"), batch_of(Task(42)))
    observation = Observation(lambda: source, Selection())
    busy, idle = Listener(observation, 0.02), Listener(observation, 60.0)
    said: list[tuple[str, str]] = []

    def tell(name: str, outage: Outage | None) -> None:
        said.append((name, outage.what if outage else "over"))

    busy.on_outage, idle.on_outage = (lambda outage: tell("busy", outage)), (lambda outage: tell("idle", outage))
    with contextlib.closing(busy), contextlib.closing(idle):
        await busy.open()
        await idle.open()
        await taken(busy, 1)
    assert said == [(name, what) for what in ("Too many open files", "over") for name in ("busy", "idle")]


async def test_a_source_that_cannot_be_opened_is_told_to_each() -> None:
    def unopened() -> ScriptedSource:
        raise OSError(1, "no")

    observation = Observation(unopened, Selection())
    listeners = [Listener(observation, 1.0) for _ in range(2)]
    for listener in listeners:
        with pytest.raises(OSError, match="no"):
            await listener.open()
    for listener in listeners:
        listener.close()
        listener.close()


async def test_the_thread_ends_with_the_last_who_listens() -> None:
    before = set(threading.enumerate())
    observation = Observation(growing, Selection())
    listeners = [Listener(observation, 1.0) for _ in range(2)]
    for listener in listeners:
        await listener.open()
    listeners[0].close()
    assert set(threading.enumerate()) - before
    listeners[1].close()
    assert not set(threading.enumerate()) - before


def test_live_and_replay_are_timelines_of_no_common_class() -> None:
    live: Timeline = Listener(Observation(ScriptedSource, Selection()), 1.0)
    replay = Replay(Path("none"), Selection())
    saved: Timeline = replay
    playback: Playback | None = saved.playback
    assert live.playback is None
    assert playback is replay
    assert [kind.__mro__[1:] for kind in (Listener, Replay)] == [(object,), (object,)]
    live.close()
    replay.close()


class Glancing(ScriptedSource):
    """Somebody was late, and a glance does what a test wants."""

    def __init__(self, at_glance: Callable[[], object] = lambda: None) -> None:
        super().__init__(batch_of())
        self._at_glance = at_glance

    def glance(self, loops: Collection[LoopKey]) -> None:
        super().glance(loops)
        self._at_glance()


@pytest.fixture(name="unexplained")
def _unexplained(monkeypatch: pytest.MonkeyPatch) -> set[LoopKey]:
    """What the judge says."""
    loops: set[LoopKey] = set()
    monkeypatch.setattr(World, "unexplained", loops)
    return loops


async def test_it_glances_in_each_pause_at_what_nobody_looked_at(unexplained: set[LoopKey]) -> None:
    source = Glancing()
    listener = Listener(Observation(lambda: source, Selection()), 0.05)
    with contextlib.closing(listener):
        await listener.open()
        await taken(listener, 3)
        assert source.glances == []
        unexplained.add(loop(A))
        await taken(listener, 3)
        assert source.glances == [{loop(A)}] * 3
        async for _ in listener.observe(0.05):
            pass
        assert source.glances == [{loop(A)}] * 4


async def test_a_glance_that_fails_is_left_out_if_that_passes(unexplained: set[LoopKey]) -> None:
    unexplained.add(loop(A))
    reasons: list[Exception] = [OSError(errno.EMFILE, "Too many open files"), ValueError("a defect")]

    def fail() -> None:
        raise reasons[0]

    source = Glancing(fail)
    told: list[Outage | None] = []
    listener = Listener(Observation(lambda: source, Selection()), 0.02)
    listener.on_outage = told.append
    with contextlib.closing(listener):
        await listener.open()
        await taken(listener, 2)
        assert (len(source.glances), told) == (2, [])
        del reasons[0]
        with pytest.raises(ValueError, match="a defect"):
            await taken(listener, 1)


async def test_a_stop_during_a_glance_is_heeded(unexplained: set[LoopKey]) -> None:
    unexplained.add(loop(A))
    glances, goes_on = threading.Event(), threading.Event()

    def wait() -> None:
        glances.set()
        goes_on.wait(PATIENCE_S)

    source = Glancing(wait)
    listener = Listener(Observation(lambda: source, Selection()), 0.02)
    with contextlib.closing(listener):
        await listener.open()
        ticks = asyncio.ensure_future(taken(listener, 1))
        await asyncio.to_thread(glances.wait, PATIENCE_S)
        await asyncio.sleep(0.03)  # so that the pause is over
        listener.stopping.set()
        goes_on.set()
        assert await ticks == []
    assert source.polls == 1


def test_glances_are_in_step_with_nothing() -> None:
    """Within eight pauses there is one in each fifth of a pause: a loop that is late for so long each time is met."""
    moments = list(itertools.islice(listener_module._moments(), 300))
    for first in range(290):
        assert {int(each * 5) for each in moments[first : first + 8]} == set(range(5))
