"""A live source and the world it feeds, for tests that look at both after each step."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from epolltop.model.batch import Batch
from epolltop.model.event import Event, Kind
from epolltop.model.holding import Descriptor
from epolltop.model.instance import Instance
from epolltop.model.late_look import LATE_NS
from epolltop.model.loop_activity import LoopKey, LoopTimes
from epolltop.model.process_row import ProcessRow
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.sources import FactSource, Wanted
from epolltop.sources.bpf.bpf_source import BpfSource
from epolltop.sources.bpf.ladder import ALL, Ladders
from epolltop.sources.bpf.sizes import SIZES, Sizes
from epolltop.sources.proc_source import ProcSource
from epolltop.sources.recording.recorder import Recorder
from tests.support.watched import Watched
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .reference_census import Table, reference_census, reported_census


class Observing:
    """Counts run from the opening on, as in a snapshot of the whole observation."""

    def __init__(self, source: FactSource) -> None:
        self._source = source
        self._poll = source.poll
        self._world = Watched(tell_all=True)
        self._events: dict[int, list[Event]] = {}
        self.focus: dict[int, Descriptor] = {}
        self.batch: Batch
        """The last one."""
        self.records = 0
        """Events that arrived so far."""

    def record(self, path: Path) -> None:
        """From here on it is also written down."""
        self._poll = Recorder(self._source, io.FileIO(path, "w"), str(path), Selection()).poll

    def refresh(self) -> Snapshot:
        """What is known now."""
        self.batch = self._poll(Wanted(self.focus))
        self.records += len(self.batch.events)
        self._world.apply(self.batch)
        snapshot = self._world.look()
        for event in snapshot.news:
            self._events.setdefault(event.pid, []).append(event)
        return snapshot

    def look(self) -> None:
        """Takes a census of which nothing comes to be known."""
        assert isinstance(self._source, BpfSource)
        self._source._census.take()

    def glance(self, loops: Collection[LoopKey]) -> None:
        """Between two refreshes."""
        self._source.glance(loops)

    def row(self, pid: int) -> ProcessRow:
        """The row of a process, now.

        Raises:
            AssertionError: it is not listed.
        """
        rows = [row for row in self.refresh().processes if row.pid == pid]
        assert rows, f"process {pid} is not listed"
        assert len(rows) == 1, f"process {pid} is listed {len(rows)} times"
        return rows[0]

    def times(self, loop: LoopKey) -> LoopTimes:
        """How long a loop waited and was away, by the last batch."""
        return LoopTimes._make(self.batch.loop_times[loop])

    def events(self, pid: int, *kinds: Kind) -> list[Event]:
        """All that came so far about what a process did, in order."""
        return [event for event in self._events.get(pid, []) if not kinds or event.kind in kinds]

    def released(self, instance: str) -> Event:
        """The release of an instance, whoever did it."""
        (event,) = [event for event in self.releases() if event.instance == instance]
        return event

    def releases(self) -> list[Event]:
        """All that came so far, whoever did them."""
        return [event for events in self._events.values() for event in events if event.kind is Kind.RELEASE]

    def hears(self, actor: Actor) -> bool:
        """Whether it is told when an actor creates an instance, now."""
        known = len(self.events(actor.pid, Kind.CREATE))
        actor.do("pairs", count=1)
        self.refresh()
        return len(self.events(actor.pid, Kind.CREATE)) == known + 1

    def agrees(self, pids: Iterable[int]) -> Table:
        """Compares with /proc and kcmp what these processes hold; the table."""
        pids = frozenset(pids)
        expected = reference_census(pids)
        assert reported_census(self.refresh(), pids) == expected
        return expected

    def instances(self, pid: int) -> dict[int, Instance]:
        """Those of a process, by each of its descriptors."""
        row = self.row(pid)
        return {fd: instance for instance in row.instances for fd in instance.fds_of(row.key)}

    def flies(self, instance: str) -> bool:
        """Whether an instance is known to be alive and held by nobody, now. Others' may be in flight, too."""
        snapshot = self.refresh()
        known = [one for one in self._world._state.instances.live.by_file.values() if one.id == instance]
        assert not known or known[0].holders or snapshot.in_flight > 0
        return bool(known) and not known[0].holders

    def released_all(self, expected: Mapping[int, int]) -> None:
        """Waits until each release is counted: for the process that created the instance, or for who took it over.

        Args:
            expected: how many instances each process created and no longer holds, by pid.

        Raises:
            AssertionError: one was not seen, by anybody.
        """

        def seen() -> bool:
            behind = {pid: number - self.row(pid).released for pid, number in expected.items()}
            elsewhere = self.charged_elsewhere(*expected)
            source = self.batch.source
            account = f"{behind} behind, {elsewhere} charged to others; {self.batch.totals}, missed {source.missed}"
            assert all(number >= 0 for number in behind.values()), account
            assert sum(behind.values()) <= elsewhere, account
            return True

        eventually(seen)

    def charged_elsewhere(self, *pids: int) -> int:
        """Releases charged to others that have not created what they released: 0 on a quiet machine.

        Whoever looks at a file at the moment it is closed (lsof, another epolltop) drops the last reference, and may
        be gone, or outside of the PID namespace, when it is asked for. So they are not looked up: what the machine
        released, and these did not, is more than what others created and no longer have.
        """

        def settled() -> tuple[Snapshot, int] | None:
            before = self._alive_of_others(pids)
            snapshot = self.refresh()
            return (snapshot, len(before)) if before == self._alive_of_others(pids) else None

        found = eventually(settled)
        assert found is not None
        snapshot, alive = found
        theirs = [row for row in snapshot.processes if row.pid in pids]
        created = snapshot.totals.created - sum(row.created for row in theirs)
        released = snapshot.totals.released - sum(row.released for row in theirs)
        return max(0, released + alive - created)

    def _alive_of_others(self, pids: Collection[int]) -> set[object]:
        """What others created under the probes' eyes and was not released, by the kernel's own table."""
        assert isinstance(self._source, BpfSource)
        births = self._source._live_instances.entries.items()
        return {(file, created_ns) for file, (created_ns, _, tgid, *_) in births if tgid not in (*pids, os.getpid())}

    def until(self, condition: Callable[[Snapshot], bool], within_s: float = PATIENCE_S) -> Snapshot:
        """The first snapshot that fulfils a condition."""

        def look() -> Snapshot | None:
            snapshot = self.refresh()
            return snapshot if condition(snapshot) else None

        snapshot = eventually(look, within_s)
        assert snapshot is not None
        return snapshot


@contextmanager
def observe_by_proc() -> Iterator[Observing]:
    """The same with /proc alone, which looks once a refresh."""
    source = ProcSource()
    source.open()
    try:
        yield Observing(source)
    finally:
        source.close()


@contextmanager
def observe(
    ladders: Ladders = ALL,
    *,
    stacks: bool = False,
    late_ns: int = LATE_NS,
    late_stacks_ns: int | None = None,
    compat: bool = False,
    sizes: Sizes = SIZES,
    budget: float = math.inf,
) -> Iterator[Observing]:
    """Opens a source that takes a census each poll and measures each wait, and closes it."""
    # Another load on this machine may make a census slow, and the next one wait.
    sizes = replace(sizes, census_share=math.inf)
    source = BpfSource(
        stacks=stacks,
        late_ns=late_ns,
        late_stacks_ns=late_stacks_ns,
        compat=compat,
        budget=budget,
        ladders=ladders,
        sizes=sizes,
    )
    source.open()
    try:
        yield Observing(source)
    finally:
        source.close()
