"""A listener of an observation: it has a window, a focus, a pace and news of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import itertools
import math
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from functools import partial

from epolltop.model.event import Event
from epolltop.model.instance import Instance
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Snapshot
from epolltop.model.window import Window
from epolltop.own_process.collector import uncollected
from epolltop.session.observation import Observation, Result
from epolltop.session.outage import Outage
from epolltop.session.recent import Recent
from epolltop.session.timeline import LastLook, Playback

_GOLDEN_RATIO = (5**0.5 - 1) / 2
POLL_S = 1.0
"""Longest time between two polls of the source, even if nobody wants a snapshot: events wait in a bounded buffer, and
/proc says nothing about processes that have ended."""


def _moments() -> Iterator[float]:
    """Places in a pause, from 0 to 1: multiples of the golden ratio, which leave no large gap for long."""
    return (number * _GOLDEN_RATIO % 1 for number in itertools.count(1))


class Listener:
    """A Timeline of what happens now. Several may listen to one observation; none waits for another's pace."""

    def __init__(self, observation: Observation, delay_s: float, *, tell_all: bool = False) -> None:
        """Opens nothing yet.

        Args:
            observation: closed by the last who listens to it.
            delay_s: see Timeline.
            tell_all: snapshots carry every event, for who writes them down.
        """
        self.delay_s = delay_s
        self.focus: tuple[Instance, ...] = ()
        self.asked: tuple[Instance, ...] = ()
        self.shown: Collection[ProcessKey] = ()
        self.on_outage: Callable[[Outage | None], object] = lambda _: None
        self.stopping = asyncio.Event()
        self.playback: Playback | None = None
        self._observation, self._tell_all = observation, tell_all
        self._moments = _moments()
        self._window: Window | None = None
        self._opening: concurrent.futures.Future[Snapshot] | None = None
        observation.join(self)

    def prepare(self) -> None:
        self._opening = self._observation.submit(self._begin)

    async def open(self) -> Snapshot:
        """See Timeline. A later listener starts with the present state of the world; its window begins here."""
        if self._opening is None:
            self.prepare()
        assert self._opening is not None
        return await asyncio.wrap_future(self._opening)

    async def ticks(self, seconds: float = math.inf) -> AsyncIterator[Snapshot]:
        """See Timeline. The first comes a delay after `open`.

        In between, the source is still polled, at intervals of POLL_S.
        """
        loop = asyncio.get_running_loop()
        ends, due = loop.time() + seconds, loop.time() + self.delay_s
        while True:
            for polls in range(math.ceil(self.delay_s / POLL_S), 0, -1):
                now = loop.time()
                pause_s = (due - now) / polls
                if await self.sleep(min(pause_s, ends - now)) or loop.time() >= ends:
                    return
                if polls > 1:
                    await self._observation.attempt(partial(self._follow, pause_s / 2))
            snapshot = await self._observation.attempt(self._tick)
            # After a pause of the machine, or a tick that took long, go on from now: a tick that is to catch up would
            # have a tiny window.
            due += self.delay_s
            if due < loop.time() + self.delay_s / 2:
                due = loop.time() + self.delay_s
            if snapshot is not None:
                yield snapshot

    async def observe(self, seconds: float) -> AsyncIterator[Sequence[Event]]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while True:
            over = await self.sleep(min(POLL_S, ends - loop.time())) or loop.time() >= ends
            yield await self._observation.attempt(self._take_news) or ()
            if over:
                return

    async def last_look(self, pid: int, seconds: float) -> LastLook:
        loop = asyncio.get_running_loop()
        ends, over = loop.time() + seconds, False
        recent = await self._observation.call(lambda: Recent(self._observation.world))
        now = await self._observation.call(recent.look)
        try:
            while not over:
                lived = now
                over = await self.sleep(min(POLL_S, ends - loop.time())) or loop.time() >= ends
                if over:
                    rows = (row for row in now.now.processes if row.pid == pid)
                    self._look_at(tuple(instance for row in rows for instance in row.instances), watches=True)
                now = await self._latest(partial(self._recent, recent), recent.look)
                if not now.now.lives(pid):
                    return lived._replace(is_end=True)
            return now
        finally:
            await self._observation.call(recent.close)

    async def look_at_all(self, *, watches: bool = False) -> None:
        self._look_at(await self._observation.call(self._observation.world.held), watches=watches)

    def _look_at(self, instances: tuple[Instance, ...], *, watches: bool) -> None:
        self.focus = instances
        self.asked = self.focus if watches else ()
        self.shown = frozenset(holder.process for instance in self.focus for holder in instance.holders)

    async def now(self) -> Snapshot:
        return await self._latest(self._whole, self._told)

    async def _latest(self, read: Callable[[], Result], told: Callable[[], Result]) -> Result:
        """What is read now; when stopping, what could be read last."""
        while (found := await self._observation.attempt(read)) is None:
            if await self.sleep(POLL_S):
                return await self._observation.call(told)
        return found

    async def sleep(self, seconds: float) -> bool:
        """Waits; True if a stop cut it short. At some moment it has the source glance at late loops.

        That moment changes from one call to the next: a program that does something each second cannot hide.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        if await self._stops_within(seconds * next(self._moments)):
            return True
        await self._observation.glance()
        return await self._stops_within(ends - loop.time())

    async def _stops_within(self, seconds: float) -> bool:
        if self.stopping.is_set():
            return True
        try:
            await asyncio.wait_for(self.stopping.wait(), max(0.0, seconds))
        except asyncio.TimeoutError:
            return False
        return True

    def close(self) -> None:
        self.stopping.set()
        self._observation.leave(self, self._end)

    # In the observation's thread.

    @property
    def _own(self) -> Window:
        assert self._window is not None, "not open"
        return self._window

    def _begin(self) -> Snapshot:
        self._observation.open()
        self._window = self._observation.world.open_window(tell_all=self._tell_all)
        with uncollected():
            self._observation.poll()
            self._observation.world.mark(self._window)
            # Some milliseconds are no window: a rate over them says nothing.
            return dataclasses.replace(self._told(), window_s=0.0)

    def _end(self) -> None:
        if self._window is not None:
            self._observation.world.close_window(self._window)

    @uncollected()
    def _follow(self, recent_s: float) -> None:
        self._observation.follow(recent_s)

    @uncollected()
    def _take_news(self) -> Sequence[Event]:
        self._observation.poll()
        return self._own.take_news()

    @uncollected()
    def _tick(self) -> Snapshot:
        self._observation.poll()
        snapshot = self._observation.world.freeze(self._own)
        self._observation.world.mark(self._own)
        return snapshot

    @uncollected()
    def _whole(self) -> Snapshot:
        self._observation.poll()
        return self._told()

    @uncollected()
    def _recent(self, recent: Recent) -> LastLook:
        self._observation.poll()
        recent.advance()
        return recent.look()

    def _told(self) -> Snapshot:
        return self._observation.world.freeze(self._own, self._observation.world.begin())
