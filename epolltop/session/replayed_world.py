"""The world of a saved file, at any of its ticks.

It is reduced anew from the recorded batches. To go back, it is copied now and then on the way
(`epolltop.session.checkpoints`); from the nearest copy it goes forward again. One thread uses it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Collection, Sequence

from epolltop.errors import SourceEnded
from epolltop.findings.diagnosis import Diagnosis
from epolltop.findings.settings import Settings
from epolltop.model.batch import Batch
from epolltop.model.event import Event
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.window import Window
from epolltop.model.world import World
from epolltop.own_process.collector import uncollected
from epolltop.session.checkpoints import Checkpoints
from epolltop.session.recent import Recent
from epolltop.session.timeline import LastLook
from epolltop.sources.recording.reader import Recording

_AT_ONCE = 64  # ticks that are taken in between two looks whether others want the thread


class ReplayedWorld:
    """One window on it, which is marked at each tick."""

    def __init__(
        self,
        recording: Recording,
        selection: Selection,
        settings: Settings,
        *,
        tell_all: bool,
        returns: bool,
        halted: Callable[[], bool],
    ) -> None:
        """At no tick yet.

        Args:
            recording: that is open.
            selection: which processes count.
            settings: of the rules that are applied.
            tell_all: snapshots carry every event.
            returns: it may go back.
            halted: whether somebody waits for the end; nothing goes on then.
        """
        self.at = -1
        """The tick that it is at."""
        self._recording, self._returns, self._halted = recording, returns, halted
        self._world = World(selection, Diagnosis(settings))
        self._world.open_window(tell_all=tell_all)
        self._checkpoints = Checkpoints()
        self._processes: Collection[ProcessKey] = ()  # of the last batch
        self._facts = self._holdings = 0  # of the last batch and census

    @uncollected()
    def begin(self) -> Snapshot:
        """The first tick, of which there are no rates."""
        self._poll()
        self._world.mark(self._window)
        snapshot = self._so_far()
        self._keep()
        return snapshot

    def whole(self) -> Snapshot:
        """Now, with rates since the beginning."""
        return self._world.freeze(self._window, self._world.begin())

    @uncollected()
    def next(self) -> Snapshot:
        """The next tick.

        Raises:
            SourceEnded: there is none.
        """
        self._poll()
        snapshot = self._world.freeze(self._window)
        self._world.mark(self._window)
        return snapshot

    def reach(self, tick: int) -> Snapshot:
        """A tick but the first, wherever it is.

        Raises:
            SourceEnded: there are fewer ticks than it seemed, or it was halted on the way.
        """
        if tick <= self.at or self._checkpoints.before(tick) > self.at:
            self.at, checkpoint = self._checkpoints.go_back(tick)
            self._world = checkpoint.restored()
            self._recording.go_to(checkpoint.place)
        while self.at < tick - 1:
            if self._halted():
                raise SourceEnded
            self._poll()
            self._world.mark(self._window)
            self._keep()
        snapshot = self.next()
        self._keep()
        return snapshot

    def take_in(self, until_ns: float) -> bool:
        """Some of what comes before a time; whether there is more."""
        for _ in range(_AT_ONCE):
            if self._halted():
                return False
            try:
                if self._poll().now_ns >= until_ns:
                    return False
            except SourceEnded:
                return False
        return True

    def last_look(self, pid: int, until_ns: float) -> LastLook:
        """At a process, after all that comes before a time."""
        recent, lived = Recent(self._world), None
        with contextlib.suppress(SourceEnded):
            while not self._halted():
                living = {key for key in self._processes if key.pid == pid}
                batch = self._recording.poll()
                if not living <= batch.processes.keys():
                    lived = recent.look()
                self._take(batch)
                recent.advance()
                if batch.now_ns >= until_ns:
                    break
        last = recent.look()
        recent.close()
        return last if lived is None or last.now.lives(pid) else lived._replace(is_end=True)

    def take_news(self) -> Sequence[Event]:
        """The events since they were last taken."""
        return self._window.take_news()

    @property
    def _window(self) -> Window:
        """The only one; another one when we went back to another world."""
        (window,) = self._world.windows
        return window

    def _so_far(self) -> Snapshot:
        """The whole; of the first tick there are no rates."""
        return self.whole() if self.at else dataclasses.replace(self.whole(), window_s=0.0)

    def _poll(self) -> Batch:
        return self._take(self._recording.poll())

    def _take(self, batch: Batch) -> Batch:
        self._world.apply(batch)
        self._processes = batch.processes.keys()
        self._facts = max(len(batch.processes), len(batch.counts))
        if batch.census:
            self._holdings = len(batch.census.holdings)
        self.at += 1
        return batch

    def _keep(self) -> None:
        """A checkpoint, if it is time for one."""
        if self._returns and self._checkpoints.is_due(self.at):
            place = self._recording.place()
            self._checkpoints.keep(self.at, self._world, place, facts=self._facts, holdings=self._holdings)
