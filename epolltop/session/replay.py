"""A timeline of a saved file: the same snapshots as when it happened, at any pace and in either direction."""

from __future__ import annotations

import asyncio
import bisect
import concurrent.futures
import dataclasses
import functools
import math
import os
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from epolltop.errors import SourceEnded
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.event import Event
from epolltop.model.instance import Instance
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.query.limit_catalogue import words
from epolltop.saved.opening import open_saved
from epolltop.session.outage import Outage
from epolltop.session.recorded_time import RecordedTime
from epolltop.session.replayed_world import ReplayedWorld
from epolltop.session.timeline import LastLook
from epolltop.sources.recording.reader import Recording
from epolltop.text.safe import safe

Result = TypeVar("Result")


class Replay:
    """A Timeline and its own Playback: yields recorded snapshots, or the one snapshot of a file."""

    def __init__(
        self,
        path: Path | None,
        selection: Selection,
        settings: Settings = DEFAULTS,
        *,
        tell_all: bool = False,
        paced: bool = True,
        descriptor: int | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            path: of the file; None: stdin.
            selection: which processes count; if it selects all, what was selected when it was recorded.
            settings: of the rules that are applied to a recording.
            tell_all: snapshots carry every event, for who writes them down.
            paced: for a screen: `ticks` follow the clock and wait at the end, and one may go back. Otherwise each
                tick comes once, as soon as it is requested.
            descriptor: of the file, if it is open already; it is closed here.
        """
        self.delay_s = 1.0
        self.focus: tuple[Instance, ...] = ()
        self.asked: tuple[Instance, ...] = ()
        self.shown: Collection[ProcessKey] = ()
        self.on_outage: Callable[[Outage | None], object] = lambda _: None
        self.stopping = asyncio.Event()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="session")
        self._opening: concurrent.futures.Future[Snapshot] | None = None
        self._file = path if descriptor is None else descriptor
        self._path, self._selection, self._settings = path, selection, settings
        self._tell_all, self._paced = tell_all, paced
        self._recording: Recording | None = None
        self._world: ReplayedWorld | None = None
        self._first: Snapshot | None = None
        self._shown: Snapshot | None = None
        self._shown_at = 0
        self._time = RecordedTime(self.stopping)
        self._reading = 0  # steps under way in the session's thread

    @property
    def playback(self) -> Replay:
        return self

    @property
    def name(self) -> str:
        return "stdin" if self._path is None else safe(os.fsencode(self._path.name))

    @property
    def begin_ns(self) -> int:
        assert self._first is not None, "not open"
        return self._first.now_ns

    @property
    def begin_wall_ns(self) -> int:
        assert self._first is not None, "not open"
        return self._first.wall_ns

    @property
    def end_ns(self) -> int:
        return self._times[-1] if self._times else self.position

    @property
    def position(self) -> int:
        assert self._shown is not None, "not open"
        return self._shown.now_ns

    @property
    def at_end(self) -> bool:
        return self._shown_at >= len(self._times) - 1

    @property
    def trouble(self) -> str:
        ends_early = self._recording.ends_early if self._recording else None
        return words(ends_early) if ends_early else ""

    @property
    def is_snapshot(self) -> bool:
        return self._world is None

    @property
    def speed(self) -> float:
        return self._time.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._time.speed = speed
        self._time.disturb()

    @property
    def held(self) -> bool:
        return self._time.held

    @held.setter
    def held(self, held: bool) -> None:
        self._time.held = held
        self._time.disturb()

    @property
    def is_reading(self) -> bool:
        return self._reading > 0

    def prepare(self) -> None:
        self._opening = self._thread.submit(self._open)

    async def open(self) -> Snapshot:
        if self._opening is None:
            self.prepare()
        assert self._opening is not None
        return await asyncio.wrap_future(self._opening)

    async def look_at_all(self, *, watches: bool = False) -> None:
        """Nothing can be measured any more."""

    async def now(self) -> Snapshot:
        return await self._call(self._whole)

    def close(self) -> None:
        self.stopping.set()
        self._thread.shutdown()
        if self._recording is not None:
            self._recording.close()

    async def step(self, ticks: int) -> Snapshot:
        return await self._go(lambda: self._show(self._shown_at + ticks))

    async def seek(self, at_ns: int) -> Snapshot:
        return await self._go(lambda: self._show(bisect.bisect_right(self._times, at_ns) - 1))

    async def ticks(self, seconds: float = math.inf) -> AsyncIterator[Snapshot]:
        """See Timeline, and `paced`; the first tick at or after the seconds is the last."""
        async for snapshot in self._as_time_passes() if self._paced else self._onwards(seconds):
            yield snapshot

    async def observe(self, seconds: float) -> AsyncIterator[Sequence[Event]]:
        """The events of the first recorded seconds, some ticks at a time."""
        world = self._world
        if world is None:
            yield ()
            return
        while await self._call(lambda: world.take_in(self.begin_ns + seconds * 1e9)):
            yield await self._call(world.take_news)
        yield await self._call(world.take_news)

    async def last_look(self, pid: int, seconds: float) -> LastLook:
        """See Timeline. Of a snapshot file that snapshot."""
        assert self._first is not None, "not open"
        world = self._world
        if world is None:
            return LastLook(self._first, self._first, is_end=False)
        return await self._call(lambda: world.last_look(pid, self.begin_ns + seconds * 1e9))

    # In the session's thread.

    def _open(self) -> Snapshot:
        saved = open_saved(self._file, self._selection, onwards=not self._paced, halted=self.stopping.is_set)
        if isinstance(saved, Snapshot):
            shown = saved
        else:
            self._recording = saved
            recorded = dataclasses.replace(saved.selection, named=self._selection.named)
            selection = recorded if self._selection.is_all else self._selection
            self._world = ReplayedWorld(
                saved,
                selection,
                self._settings,
                tell_all=self._tell_all,
                returns=self._paced,
                halted=self.stopping.is_set,
            )
            shown = self._world.begin()
        self._first = self._shown = dataclasses.replace(shown, news=())
        self._time.now_ns = shown.now_ns
        return shown

    def _whole(self) -> Snapshot:
        assert self._shown is not None, "not open"
        return self._world.whole() if self._world else self._shown

    def _next(self) -> Snapshot | None:
        """The next tick, if there is one."""
        assert self._world is not None, "a snapshot has no ticks"
        try:
            self._shown, self._shown_at = self._world.next(), self._world.at
        except SourceEnded:
            return None
        return self._shown

    def _show(self, tick: int) -> Snapshot:
        """That tick, or the last or first one."""
        assert self._first is not None
        assert self._shown is not None
        tick = max(0, min(tick, len(self._times) - 1))
        if tick != self._shown_at:
            try:
                self._shown = self._world.reach(tick) if tick and self._world else self._first
            except SourceEnded:  # damaged, so there are fewer ticks than it seemed, or we are to stop
                return self._shown if self.stopping.is_set() else self._show(tick)
            self._shown_at = tick
        self._time.now_ns = self._shown.now_ns
        return self._shown

    def _on_time(self, at: int, reached_ns: float) -> Snapshot | None:
        """The tick that recorded time has reached; None after a jump meanwhile."""
        if at != self._shown_at:
            return None
        snapshot = self._show(max(at + 1, bisect.bisect_right(self._times, reached_ns) - 1))
        self._time.now_ns = min(max(reached_ns, self._time.now_ns), self.end_ns)
        return snapshot

    # In the front end's loop.

    async def _call(self, step: Callable[[], Result]) -> Result:
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, step)
        finally:
            self._reading -= 1

    @property
    def _times(self) -> Sequence[int]:
        return self._recording.times if self._recording else ()

    async def _go(self, show: Callable[[], Snapshot]) -> Snapshot:
        snapshot = await self._call(show)
        self._time.disturb()
        return snapshot

    async def _onwards(self, seconds: float) -> AsyncIterator[Snapshot]:
        if self._world is None:
            yield await self.now()
            return
        until_ns = self.begin_ns + seconds * 1e9
        while not self.stopping.is_set() and self.position < until_ns:
            snapshot = await self._call(self._next)
            if snapshot is None:
                if not self._world.at:
                    yield await self.now()  # nothing but the opening is left of it
                return
            yield snapshot

    async def _as_time_passes(self) -> AsyncIterator[Snapshot]:
        while not self.stopping.is_set():
            at, times = self._shown_at, self._times
            reached_ns = await self._time.run_to(times[at + 1] if at + 1 < len(times) else None, self.end_ns)
            if reached_ns is not None:
                snapshot = await self._call(functools.partial(self._on_time, at, reached_ns))
                if snapshot is not None:
                    yield snapshot
