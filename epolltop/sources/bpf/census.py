"""The census: which process has which descriptor for which instance, healing whatever probes missed.

Two ways, the first that the kernel allows: its task_file iterator, which names instances by their kernel address, or a
walk through /proc with kcmp, which knows no addresses and learns them from the descriptors that creations returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from epolltop.model.batch import Census, Event, Holding
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.naming import Naming
from epolltop.sources.bpf.pidns import levels_up
from epolltop.sources.bpf.program import Program
from epolltop.sources.pace import now_ns
from epolltop.sources.procfs import Procfs
from epolltop.sources.scan import PART, Scan

OUTSIDE = "what processes outside epolltop's own PID namespace hold is in no census, and counts as in flight"


class CensusTaker(Protocol):
    """Looks at all descriptor tables."""

    by: str
    """How, for the screen."""
    unseen: tuple[str, ...]
    """What the last one could not see or tell apart, a sentence each."""
    unreadable: int
    """Processes whose descriptors the last one could not read."""

    def take(self) -> Census:
        """A census of this moment."""

    def join(self, census: Census | None, events: Sequence[Event]) -> Census | None:
        """The census in the names that events use.

        Args:
            census: what `take` answered, or None if it was not asked.
            events: what probes saw, up to now, since the events of the last call; by time.
        """


class IteratorCensus:
    """The task_file iterator (Linux 5.8)."""

    by = "iterator:task_file"
    unreadable = 0

    def __init__(self, program: Program) -> None:
        """Loads the iterator.

        Raises:
            AttachError: the kernel refused it.
        """
        self._read = program.iterator("bpf_iter__task_file")
        procfs = Procfs()
        part = () if procfs.shows_machine() else (PART,)
        self.unseen: tuple[str, ...] = (*part, OUTSIDE) if levels_up(procfs) else part
        self._last = b""
        self._holdings: Sequence[Holding] = ()
        self._tables: dict[bytes, list[Holding]] = {}

    def take(self) -> Census:
        """See CensusTaker."""
        started_ns = now_ns()
        raw = self._read()
        if raw != self._last:
            # Most processes hold what they held: 100,000 holdings take 45 ms to decode, 10 to be recognised.
            tables = wire.census_tables(raw)
            self._tables = {table: self._tables.get(table) or wire.decode_census(table) for table in tables}
            self._last = raw
            self._holdings = [holding for table in tables for holding in self._tables[table]]
        return Census(started_ns, self._holdings, by_address=True)

    def join(self, census: Census | None, events: Sequence[Event]) -> Census | None:
        """See CensusTaker; the kernel knew the names."""
        return census


class Births(NamedTuple):
    """What the kernel notes of live instances."""

    at_ns: int
    """Before it was read."""
    created_ns: Mapping[int, int]
    """By address."""
    whole: bool
    """There was always room to note all."""


class ScanCensus:
    """A walk through /proc with kcmp, joined with what the probes saw.

    An instance whose creation was not seen, or that left all its places from one census to the next, bears a number in
    place of its address, so that its release cannot be matched: it is gone when a census no longer shows it.
    """

    def __init__(self, *, include_self: bool, births: Callable[[], Births] | None = None) -> None:
        """Looks at nothing yet.

        Args:
            include_self: look at our own descriptors too.
            births: reads what the kernel notes of live instances: where events were lost, it tells that what was
                created in some place is no longer. None: that is not noticed.
        """
        self._scan = Scan(Procfs(), include_self=include_self)
        self.by = self._scan.by
        self.unseen: tuple[str, ...] = ()
        self.unreadable = 0
        self._births = births
        self._noted = Births(0, {}, whole=False)
        self._naming = Naming(self._scan.shares_table)

    def take(self) -> Census:
        """See CensusTaker."""
        if self._births is not None:
            self._noted = self._births()  # first: what the scan shows was alive then, or came later
        scanned = self._scan.take()
        self.unseen, self.unreadable = scanned.unseen, scanned.unreadable
        return scanned.census

    def join(self, census: Census | None, events: Sequence[Event]) -> Census | None:
        """See CensusTaker."""
        if census is None:
            self._naming.learn(events)
            return None
        self._naming.learn(event for event in events if event.time_ns < census.started_ns)
        self._naming.forget(self._is_over)
        later = [event for event in events if event.time_ns >= census.started_ns]
        holdings = self._naming.named(census.holdings, later)
        self._naming.learn(later)
        return Census(census.started_ns, holdings, by_address=False)

    def _is_over(self, created: Event) -> bool:
        """Whether the kernel no longer has that instance; no, if it cannot be told."""
        last_ns = self._noted.created_ns.get(created.file, 0 if self._noted.whole else created.created_ns)
        return created.created_ns < self._noted.at_ns and last_ns != created.created_ns


def scan_census(program: Program, *, include_self: bool) -> ScanCensus:
    """The second way, which looks at what the probes noted."""
    table = program.table("births", wire.FILE, wire.BIRTH)

    def births() -> Births:
        at_ns = now_ns()
        created_ns = {file: birth[0] for (file,), birth in table.items()}
        totals = wire.sum_totals(program.per_cpu("totals", wire.TOTALS))
        return Births(at_ns, created_ns, whole=totals.overflowed == totals.unattributed)

    return ScanCensus(include_self=include_self, births=births)


CENSUS: dict[str, Callable[[Program, bool], CensusTaker]] = {
    "iterator": lambda program, _: IteratorCensus(program),
    "proc": lambda program, include_self: scan_census(program, include_self=include_self),
}
"""The ladder, best rung first; AttachError leads on to the next."""
