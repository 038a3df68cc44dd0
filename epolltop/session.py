"""One observation: a source and the world it feeds, in a thread of their own, for whoever awaits snapshots.

Source and world are only ever touched by that thread, so neither needs a lock and no front end's event loop waits for
the kernel. What comes out is frozen.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import gc
import math
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from epolltop.model.batch import Batch, Event, ProcessKey
from epolltop.model.snapshot import Instance, Snapshot
from epolltop.model.world import Mark, Selection, World
from epolltop.sources import Descriptor, FactSource

_Result = TypeVar("_Result")

POLL_S = 1.0
"""At least so often the source is asked, however seldom somebody wants to know: until then events wait in a buffer of a
bound, and of processes that ended /proc tells nothing."""

OpenSource = Callable[[], FactSource]
"""Opens the source that was asked for, or the best that can run; raises SourceUnavailable."""


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's cycle collector, in all threads.

    It would walk the records of a census again and again while they are made, which have no cycles: of 0.5 s for
    100,000 instances that is 0.2.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Session:
    """From opening the source to closing it."""

    def __init__(
        self, open_source: OpenSource, selection: Selection, delay_s: float, *, tell_all: bool = False
    ) -> None:
        """Opens nothing yet.

        Args:
            open_source: called once, in the session's thread.
            selection: which processes count.
            delay_s: see the attribute.
            tell_all: snapshots carry every event, for who writes them down.
        """
        self._open_source = open_source
        self._world = World(selection, tell_all=tell_all)
        self._source: FactSource | None = None
        self._mark: Mark | None = None
        self._opening: concurrent.futures.Future[Snapshot] | None = None
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="session")
        self.delay_s = delay_s
        """Between two snapshots; may be changed at any time."""
        self.focus: tuple[Instance, ...] = ()
        """Instances somebody looks at: their interest lists are measured."""
        self.shown: Collection[ProcessKey] = ()
        """Processes somebody looks at: what is known about them is never old."""
        self.stopping = asyncio.Event()
        """Set it to end `ticks` and `observe` early."""

    def prepare(self) -> None:
        """Starts opening, for who has other things to do meanwhile."""
        self._opening = self._thread.submit(self._open)

    async def open(self) -> Snapshot:
        """Starts observing; what is there at the start.

        Raises:
            SourceUnavailable: no source can run.
        """
        if self._opening is None:
            self.prepare()
        assert self._opening is not None
        return await asyncio.wrap_future(self._opening)

    async def ticks(self, seconds: float = math.inf) -> AsyncIterator[Snapshot]:
        """A snapshot every delay_s, with rates since the one before. The first comes a delay after `open`.

        In between the source is polled all the same, as often as POLL_S says.

        Args:
            seconds: after which it ends.
        """
        loop = asyncio.get_running_loop()
        ends, due = loop.time() + seconds, loop.time() + self.delay_s
        while True:
            for polls in range(math.ceil(self.delay_s / POLL_S), 0, -1):
                now = loop.time()
                if await self.sleep(min((due - now) / polls, ends - now)) or loop.time() >= ends:
                    return
                if polls > 1:
                    await self._call(self._follow)
            # After a pause of the machine, or a tick that took long, go on from now: no ticks to catch up.
            due = max(due, loop.time() - self.delay_s) + self.delay_s
            yield await self._call(self._tick)

    async def observe(self, seconds: float) -> AsyncIterator[Sequence[Event]]:
        """The events of an observation, about every second; the last of them when the time is over."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while True:
            over = await self.sleep(min(POLL_S, ends - loop.time())) or loop.time() >= ends
            yield await self._call(self._take_news)
            if over:
                return

    async def look_at_all(self) -> None:
        """Has every interest list measured, with the next poll."""
        self.focus = await self._call(self._world.held)

    async def now(self) -> Snapshot:
        """What is known now, about the whole observation."""
        return await self._call(self._whole)

    async def sleep(self, seconds: float) -> bool:
        """Waits; True if it was cut short because the session stops."""
        try:
            await asyncio.wait_for(self.stopping.wait(), max(0.0, seconds))
        except asyncio.TimeoutError:
            return False
        return True

    def close(self) -> None:
        """Detaches, after the step under way. May be called twice, and without open."""
        self.stopping.set()
        self._thread.submit(self._close).result()

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    async def _call(self, step: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)

    def _open(self) -> Snapshot:
        self._source = self._open_source()
        with uncollected():
            self._poll()
            self._mark = self._world.mark()
            # Some milliseconds are no window: a rate over them says nothing.
            return dataclasses.replace(self._world.freeze(self._world.begin()), window_s=0.0)

    @uncollected()
    def _follow(self) -> None:
        self._poll()

    def _take_news(self) -> Sequence[Event]:
        self._follow()
        return self._world.take_news()

    @uncollected()
    def _tick(self) -> Snapshot:
        assert self._mark is not None, "ticks before open"
        since = self._mark
        self._poll()
        snapshot = self._world.freeze(since)
        self._mark = self._world.mark()
        return snapshot

    @uncollected()
    def _whole(self) -> Snapshot:
        self._poll()
        return self._world.freeze(self._world.begin())

    def _poll(self) -> Batch:
        assert self._source is not None, "poll before open"
        batch = self._source.poll(self._descriptors(), self.shown)
        self._world.apply(batch)
        return batch

    def _descriptors(self) -> Mapping[int, Descriptor]:
        return {
            instance.file: Descriptor(instance.holders[0].process, instance.holders[0].fds[0])
            for instance in self.focus
            if instance.holders
        }
