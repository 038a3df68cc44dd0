"""The interface of a session for front ends: snapshots, live or saved."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from epolltop.model.event import Event
from epolltop.model.instance import Instance
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Snapshot
from epolltop.session.outage import Outage


class LastLook(NamedTuple):
    """The last one while a process lived."""

    before: Snapshot
    """At the begin of the window of `now`."""
    now: Snapshot
    is_end: bool
    """It has ended since."""


class Playback(Protocol):
    """Controls of saved time. Its times are on the boot clock of the recorded machine."""

    speed: float
    """Recorded seconds per second, above 0; infinite: to the end without waiting."""
    held: bool
    """Whether the clock stands. Steps and jumps work all the same, and do not change it."""

    @property
    def name(self) -> str:
        """Of the file, without its directory."""

    @property
    def begin_ns(self) -> int:
        """Of the first tick. From here on, only after `open`."""

    @property
    def begin_wall_ns(self) -> int:
        """The same, since the epoch."""

    @property
    def end_ns(self) -> int:
        """Of the last tick; less than before if it turns out on the way that the file is damaged."""

    @property
    def position(self) -> int:
        """Of the tick that was shown last."""

    @property
    def at_end(self) -> bool:
        """Whether there is nothing after it."""

    @property
    def trouble(self) -> str:
        """Why it ends early, as a sentence; empty if it does not, as far as is known."""

    @property
    def is_snapshot(self) -> bool:
        """Whether it is a snapshot file: rules were applied when it was taken, and are not again."""

    @property
    def is_reading(self) -> bool:
        """Whether a requested tick is being read from the file; that may take seconds."""

    async def step(self, ticks: int) -> Snapshot:
        """Goes that many ticks forward or back, at most to the end or the beginning."""

    async def seek(self, at_ns: int) -> Snapshot:
        """The last tick at or before a time, or the first."""


class Timeline(Protocol):
    """Snapshots for one front end, at a pace of its own. All but `prepare` and `close` belong into its event loop."""

    delay_s: float
    """Between two snapshots; may be changed at any time. A replay keeps to its recording instead."""
    focus: tuple[Instance, ...]
    """Instances in focus: their interest lists are measured, if that is still possible."""
    asked: tuple[Instance, ...]
    """Those whose watches are named, if that is still possible."""
    shown: Collection[ProcessKey]
    """Processes in focus: facts about them are always current."""
    on_outage: Callable[[Outage | None], object]
    """Called in the event loop when nothing can be read: when that begins, lasts and is over."""

    @property
    def stopping(self) -> asyncio.Event:
        """Set it to end `ticks` and `observe` early."""

    @property
    def playback(self) -> Playback | None:
        """The controls of a saved file; None: this is a live observation."""

    def prepare(self) -> None:
        """Starts opening, so that the caller can do other things meanwhile."""

    async def open(self) -> Snapshot:
        """The first snapshot.

        Raises:
            SourceUnavailable: no source can run.
            Unplayable: the file cannot be read.
        """

    def ticks(self, seconds: float = math.inf) -> AsyncIterator[Snapshot]:
        """A snapshot every delay_s, or as it was recorded, with rates since the one before.

        Args:
            seconds: after which it ends; of a replay, recorded ones.
        """

    def observe(self, seconds: float) -> AsyncIterator[Sequence[Event]]:
        """The events of an observation, about every second; the last of them when the time is over."""

    async def last_look(self, pid: int, seconds: float) -> LastLook:
        """Observes for so long; live, not beyond the end of a process. The news are lost.

        Args:
            pid: of the process, which was asked for.
            seconds: of a replay, recorded ones.
        """

    async def look_at_all(self, *, watches: bool = False) -> None:
        """Has every interest list measured and all holders read again before `now`, where that is still possible.

        Args:
            watches: have each watch named, too.
        """

    async def now(self) -> Snapshot:
        """The present snapshot, about the whole observation."""

    def close(self) -> None:
        """Ends it, after the step under way. May be called twice, and without open."""
