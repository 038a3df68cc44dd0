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
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from epolltop.model.batch import Batch, Descriptor, Event, ProcessKey
from epolltop.model.snapshot import Instance, Snapshot
from epolltop.model.world import Selection, World
from epolltop.runtime.transient import passes
from epolltop.sources import FactSource
from epolltop.text.numbers import timestamp

Result = TypeVar("Result")

POLL_S = 1.0
"""At least so often the source is asked, however seldom somebody wants to know: until then events wait in a buffer of a
bound, and of processes that ended /proc tells nothing."""

TRIES, PATIENCE_S = 3, 30.0
"""A source that fails for want of something is asked again: so often, and so long, before that is its end. A burst of
forks or a full table of files passes in seconds; who waits for output that never comes deserves to be told."""

LATE_S = 10.0
"""A source that has not answered for so long is told of: who looks at the screen must not take old numbers for new."""

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


@dataclasses.dataclass(frozen=True, slots=True)
class Outage:
    """Nothing can be read at the moment."""

    what: str
    since_s: float
    """On the loop's clock."""
    since_wall_ns: int
    tries: int = 0
    """That failed; 0: the first one has not ended."""

    def __str__(self) -> str:
        again = "; trying again" if self.tries else ""
        return f"nothing could be read since {timestamp(self.since_wall_ns)[:8]}: {self.what}{again}"


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
        self._world = World(selection)
        self._window = self._world.open_window(tell_all=tell_all)
        self._source: FactSource | None = None
        self._opening: concurrent.futures.Future[Snapshot] | None = None
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="session")
        self.delay_s = delay_s
        """Between two snapshots; may be changed at any time."""
        self.focus: tuple[Instance, ...] = ()
        """Instances somebody looks at: their interest lists are measured."""
        self.shown: Collection[ProcessKey] = ()
        """Processes somebody looks at: what is known about them is never old."""
        self.outage: Outage | None = None
        """Why there is nothing new; None: all is well."""
        self.on_outage: Callable[[Outage | None], object] = lambda _: None
        """Called in the event loop when it begins, lasts and is over."""
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
                    await self._attempt(self._follow)
            snapshot = await self._attempt(self._tick)
            # After a pause of the machine, or a tick that took long, go on from now: a tick that is to catch up would
            # have a tiny window.
            due += self.delay_s
            if due < loop.time() + self.delay_s / 2:
                due = loop.time() + self.delay_s
            if snapshot is not None:
                yield snapshot

    async def observe(self, seconds: float) -> AsyncIterator[Sequence[Event]]:
        """The events of an observation, about every second; the last of them when the time is over."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while True:
            over = await self.sleep(min(POLL_S, ends - loop.time())) or loop.time() >= ends
            yield await self._attempt(self._take_news) or ()
            if over:
                return

    async def look_at_all(self) -> None:
        """Has every interest list measured and all holders read again, with the next poll."""
        self.focus = await self._call(self._world.held)
        self.shown = frozenset(holder.process for instance in self.focus for holder in instance.holders)

    async def now(self) -> Snapshot:
        """What is known now, about the whole observation; what could be read last, if we stop and no more can be."""
        while (snapshot := await self._attempt(self._whole)) is None:
            if await self.sleep(POLL_S):
                return await self._call(self._told)
        return snapshot

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

    async def _call(self, step: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)

    async def _attempt(self, step: Callable[[], Result]) -> Result | None:
        """The same, or None where it fails for a reason that may pass.

        Raises:
            Exception: it does not pass, or has not for long.
        """
        loop = asyncio.get_running_loop()
        late = loop.call_later(LATE_S, self._tell_late)
        try:
            result = await self._call(step)
        except Exception as error:
            if not passes(error):
                raise
            what = (error.strerror if isinstance(error, OSError) else "") or str(error) or "not enough memory"
            outage = self._lasting(Outage(what, loop.time(), time.time_ns(), tries=1))
            if outage.tries >= TRIES and loop.time() - outage.since_s >= PATIENCE_S:
                raise
            return None
        finally:
            late.cancel()
        if self.outage is not None:
            self.outage = None
            self.on_outage(None)
        return result

    def _tell_late(self) -> None:
        begin_s = asyncio.get_running_loop().time() - LATE_S
        self._lasting(Outage("there is no answer", begin_s, time.time_ns() - round(LATE_S * 1e9)))

    def _lasting(self, now: Outage) -> Outage:
        """Tells of it as it is now; it may have begun before."""
        before = self.outage
        self.outage = (
            now if before is None else dataclasses.replace(before, what=now.what, tries=before.tries + now.tries)
        )
        self.on_outage(self.outage)
        return self.outage

    def _open(self) -> Snapshot:
        self._source = self._open_source()
        with uncollected():
            self._poll()
            self._world.mark(self._window)
            # Some milliseconds are no window: a rate over them says nothing.
            return dataclasses.replace(self._told(), window_s=0.0)

    @uncollected()
    def _follow(self) -> None:
        self._poll()

    def _take_news(self) -> Sequence[Event]:
        self._follow()
        return self._window.take_news()

    @uncollected()
    def _tick(self) -> Snapshot:
        self._poll()
        snapshot = self._world.freeze(self._window)
        self._world.mark(self._window)
        return snapshot

    @uncollected()
    def _whole(self) -> Snapshot:
        self._poll()
        return self._told()

    def _told(self) -> Snapshot:
        return self._world.freeze(self._window, self._world.begin())

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
