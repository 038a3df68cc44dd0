"""What a rung tells about a run, collected until it is compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from pathlib import Path

from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.event import Event, Kind
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import CtlError, Snapshot
from tests.kernel.observing import Observing

from .coverage import keys_of
from .oracle import LATE_NS, Oracle
from .rungs import Rung


class Disturbed(Exception):
    """Others on this machine made so many events that some were lost, or the kernel left out runs of probes.

    Nothing can be exact then, and epolltop says so.
    """


class Watcher:
    """A rung at work, for one run after another."""

    def __init__(self, observing: Observing, rung: Rung, recording: Path) -> None:
        self.observing = observing
        self.rung = rung
        self.recording = recording
        """Of all that it was told so far."""
        self.kernel_releases = 0
        """Events of releases by threads of the kernel, so far."""

    def look(self) -> Snapshot:
        """What is known now."""
        snapshot = self.observing.refresh()
        self.kernel_releases += sum(event.by_kernel for event in snapshot.news)
        return snapshot


class Reported:
    """Events of one run that were not compared yet. Whoever compares some takes them; none may be left."""

    def __init__(self, watcher: Watcher, oracle: Oracle) -> None:
        self.ends: dict[str, list[Event]] = defaultdict(list)
        """Releases, of others' instances, too, by id."""
        self._others: dict[tuple[ProcessKey, Kind], list[Event]] = defaultdict(list)
        self.loops: dict[LoopKey, LoopRow] = {}
        """As they were told last: of very many that are over, others' included, only some are told again."""
        self.changes: dict[CtlKey, CtlCounts] = {}
        """Of interest lists."""
        self.refused: dict[CtlKey, Mapping[CtlError, int]] = {}
        """Changes that failed."""
        self._watcher = watcher
        self._oracle = oracle
        before = watcher.look()
        self.totals = before.totals
        """Of the machine, at the beginning."""
        self._missing = _missing(before)
        self._left_out = before.source.missed
        self._by_kernel = before.totals.released_by_kernel - watcher.kernel_releases

    @property
    def released_by_kernel(self) -> int:
        """What the count of them must be, by the events."""
        return self._by_kernel + self._watcher.kernel_releases

    @property
    def left_out(self) -> int:
        """Runs of probes that the kernel says to have left out meanwhile, perhaps for others."""
        return self._watcher.look().source.missed - self._left_out

    def hear(self, awaited: Set[str] = frozenset()) -> Snapshot:
        """Looks until everything that happened has arrived.

        Args:
            awaited: ids of which the release is still to come, because threads of the kernel take a moment. One that
                does not come in time is missing.

        Raises:
            Disturbed: see there.
        """
        snapshot = self._look()
        deadline = snapshot.now_ns + LATE_NS
        while snapshot.now_ns < deadline:
            # Counts are read after events: what others did meanwhile is told next time. A storm of theirs delays ours.
            counted = snapshot.totals.released_by_kernel == self.released_by_kernel
            if counted and self._delivered(snapshot) and awaited <= self.ends.keys():
                break
            if not self._delivered(snapshot) and not self._watcher.rung.coverage.addresses:
                break  # names are given when a scan is joined with the events up to it, which were late
            snapshot = self._look()
        if not self._delivered(snapshot):
            raise Disturbed("others make events faster than they can be read")
        if _missing(snapshot) != self._missing:
            raise Disturbed(f"{_missing(snapshot) - self._missing} events were lost")
        return snapshot

    def take(self, process: ProcessKey, kind: Kind) -> list[Event]:
        """What a process is told to have done, in order; releases: of instances that the rung does not know."""
        return self._others.pop((process, kind), [])

    def take_all(self, kind: Kind) -> dict[ProcessKey, list[Event]]:
        """The same of all processes of the run."""
        return {key: self.take(key, kind) for key, of in list(self._others) if of is kind}

    def take_rest(self) -> list[Event]:
        """Nobody expected these. What others released is dropped."""
        rest = [event for events in self._others.values() for event in events]
        self._others.clear()
        self.ends.clear()
        return rest

    def _look(self) -> Snapshot:
        snapshot = self._watcher.look()
        cast = keys_of(self._oracle)
        self.loops |= {row.key: row for process in snapshot.processes for row in process.loops if process.key in cast}
        self.changes |= snapshot.ctl
        self.refused |= snapshot.ctl_errors
        for event in snapshot.news:
            if event.kind is Kind.RELEASE and event.instance:
                self.ends[event.instance].append(event)
            elif event.process in cast:
                self._others[event.process, event.kind].append(event)
        return snapshot

    def _delivered(self, snapshot: Snapshot) -> bool:
        return snapshot.source.events == self._watcher.observing.records


def _missing(snapshot: Snapshot) -> int:
    source = snapshot.source
    return source.lost + source.overflowed + source.untold_releases
