"""One observation: a source and the world it feeds, in a thread of their own, for all who listen.

Only that thread touches source and world, so neither needs a lock, and no front end's event loop waits for the kernel.
Results are frozen. Before a snapshot the source is polled, so that the window ends there; the windows of all other
listeners get that batch, too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from epolltop.findings.diagnosis import Diagnosis
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.holding import Descriptor
from epolltop.model.instance import Instance
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.world import World
from epolltop.own_process.collector import uncollected
from epolltop.own_process.transient import passes
from epolltop.session.outage import Attempts, Outage
from epolltop.sources import FactSource, Wanted

Result = TypeVar("Result")

OpenSource = Callable[[], FactSource]
"""Opens the requested source, or the best that can run; raises SourceUnavailable."""


class Listening(Protocol):
    """What one listener wants of the source."""

    focus: tuple[Instance, ...]
    asked: tuple[Instance, ...]
    shown: Collection[ProcessKey]
    on_outage: Callable[[Outage | None], object]


class Observation:
    """Opens the source for the first listener, and closes it after the last."""

    def __init__(self, open_source: OpenSource, selection: Selection, settings: Settings = DEFAULTS) -> None:
        """Opens nothing yet.

        Args:
            open_source: called once, in the observation's thread.
            selection: which processes count.
            settings: of the rules that are applied.
        """
        self.world = World(selection, Diagnosis(settings))
        """For the steps of the thread only."""
        self._open_source = open_source
        self._source: FactSource | None = None
        self._listening: tuple[Listening, ...] = ()
        self._attempts = Attempts(self._tell)
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="session")
        self._polled_s = 0.0  # when, on the clock of time.monotonic

    def join(self, listening: Listening) -> None:
        """Adds a listener; its wishes count from the next poll on."""
        self._listening = (*self._listening, listening)

    def leave(self, listening: Listening, step: Callable[[], object]) -> None:
        """Removes a listener. The last one waits until the source is closed, after the steps under way.

        Args:
            listening: may have left before.
            step: its last one.
        """
        if listening not in self._listening:
            return
        self._listening = tuple(other for other in self._listening if other is not listening)
        left = self._thread.submit(step)
        if not self._listening:
            closed = self._thread.submit(self._close)
            self._thread.shutdown()
            closed.result()
            left.result()

    def submit(self, step: Callable[[], Result]) -> concurrent.futures.Future[Result]:
        """Has a step taken in the thread, after those before it."""
        return self._thread.submit(step)

    async def call(self, step: Callable[[], Result]) -> Result:
        """The same, awaited."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, step)

    async def attempt(self, step: Callable[[], Result]) -> Result | None:
        """The same, or None if it fails for a reason that may pass; all listeners are told.

        Raises:
            Exception: it does not pass, or has not for long.
        """
        return await self._attempts.make(lambda: self.call(step))

    async def glance(self) -> None:
        """Has the source look, between two polls, at loops that were away for long. A look that fails is left out.

        Raises:
            Exception: why it failed does not pass.
        """
        with self._attempts.telling_if_late():
            await self.call(self._glance)

    # Steps, in the thread.

    def open(self) -> None:
        """Opens the source, for the first who asks.

        Raises:
            SourceUnavailable: no source can run.
        """
        if self._source is None:
            self._source = self._open_source()

    def poll(self) -> None:
        """Asks the source."""
        assert self._source is not None, "poll before open"
        turns = descriptors_of(self.world.in_turn)
        wanted = Wanted(self._descriptors(), self._shown(), self._asked(), self._suspects(), turns)
        self.world.apply(self._source.poll(wanted))
        self._polled_s = time.monotonic()

    def follow(self, within_s: float) -> None:
        """Polls the source, unless any listener had it polled that recently."""
        if time.monotonic() - self._polled_s >= within_s:
            self.poll()

    @uncollected()
    def _glance(self) -> None:
        if self._source is None or not (loops := self.world.unexplained):
            return
        try:
            self._source.glance(loops)
        except Exception as error:
            if not passes(error):
                raise

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _descriptors(self) -> Mapping[int, Descriptor]:
        return {
            instance.file: Descriptor(instance.holders[0].process, instance.holders[0].fds[0])
            for listening in self._listening
            for instance in listening.focus
            if instance.holders
        }

    def _asked(self) -> Mapping[int, Sequence[Descriptor]]:
        asked = (listening.asked for listening in self._listening)
        return descriptors_of(itertools.chain(self.world.suspects, *asked))

    def _suspects(self) -> Collection[int]:
        return frozenset(instance.file for instance in self.world.suspects)

    def _shown(self) -> Collection[ProcessKey]:
        return dict.fromkeys(key for listening in self._listening for key in listening.shown).keys()

    # In the event loop.

    def _tell(self, outage: Outage | None) -> None:
        for listening in self._listening:
            listening.on_outage(outage)


def descriptors_of(instances: Iterable[Instance]) -> dict[int, Sequence[Descriptor]]:
    """By file, a descriptor of each holder."""
    return {
        instance.file: [Descriptor(process, fds[0]) for process, fds in instance.holders if fds]
        for instance in instances
    }
