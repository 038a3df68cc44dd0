"""The census: which process has which descriptor for which instance. It repairs what probes missed.

Two ways, the first that the kernel allows: its task_file iterator, which names instances by their kernel address, or a
walk through /proc with kcmp, which knows no addresses and learns them from the descriptors that creations returned.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple, Protocol

from epolltop.bcc.iterator_pass import IteratorPass
from epolltop.bcc.program import Program
from epolltop.model import limits
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.event import Event
from epolltop.model.holding import Census, Descriptor, Holding
from epolltop.model.limits import Limit
from epolltop.model.process import ProcessKey
from epolltop.own_process.pace import now_ns
from epolltop.proc.namespaces import levels_up
from epolltop.proc.procfs import Procfs
from epolltop.proc.scan import Scan
from epolltop.proc.shares import HOLDINGS, fair_share
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.address_matching import Naming
from epolltop.sources.bpf.descriptor_counts import DescriptorCounts
from epolltop.sources.bpf.live_instance_map import live_instances

PART_S, FIRST_S = 0.2, 1.0
"""How long one call of `take` reads: afterwards others want their turn. Nothing is known before the first is over."""


class _ProcessHoldings(NamedTuple):
    """What a process, or a thread of it, holds."""

    holdings: list[Holding]
    cut: ProcessKey | None
    """Whose it is, if it has more."""


class CensusTaker(Protocol):
    """Looks at all descriptor tables."""

    by: str
    """How, for the screen."""
    unseen: tuple[Limit, ...]
    """What the last one could not see or tell apart."""
    unreadable: int
    """Processes whose descriptors the last one could not read."""
    descriptors: Mapping[ProcessKey, Descriptors]
    """What the last one counted, of all whose descriptors it saw."""

    def take(self) -> Census | None:
        """A census of this moment; None if one call was not enough: the next call continues."""

    def mark(self, cloexec: Mapping[Descriptor, bool | None]) -> None:
        """Takes in, for the next census, which descriptors are closed on exec, as far as that has been read since."""

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

    def __init__(self, program: Program, room: int = HOLDINGS) -> None:
        """Loads the iterator.

        Args:
            program: has it.
            room: descriptors that a census may tell. Where there are more, no table is told more of than others.

        Raises:
            AttachError: the kernel refused it.
        """
        self._program = program
        self._begin = program.iterator("bpf_iter__task_file")
        self._counts = DescriptorCounts(program)
        self.descriptors: Mapping[ProcessKey, Descriptors] = {}
        self._procfs = Procfs()
        part = () if self._procfs.shows_machine() else (Limit(limits.PART_OF_MACHINE),)
        outside = (Limit(limits.OUTSIDE_NAMESPACE),) if levels_up(self._procfs) else ()
        self._never_seen: tuple[Limit, ...] = (*part, *outside)
        self.unseen = self._never_seen
        self._room = self._each = room
        self._number = 0
        self._again = False
        self._started_ns = 0
        self._reading: IteratorPass | None = None
        self._part_s = FIRST_S
        self._told: list[bytes] = []  # by table, the last
        self._sizes: list[wire.TableSize] = []  # of these
        self._holdings: Sequence[Holding] = ()
        self._tables: dict[bytes, _ProcessHoldings] = {}  # as they were decoded for the last census

    def take(self) -> Census | None:
        until = time.monotonic() + self._part_s
        while self._read(until):
            self._part_s = PART_S
            if not self._shares_anew():
                self.descriptors = self._counts.of_pass(self._number)
                return self._census()
        return None

    def _read(self, until: float) -> bool:
        """Whether the tables were read to the end."""
        if self._reading is None:
            self._number += 1
            self._started_ns = now_ns()
            self._program.set_element("pass", wire.PASS.pack(*wire.Pass(self._number, self._room, self._each)))
            self._reading = IteratorPass(self._begin)
        reading, self._reading = self._reading, None  # if it fails, it does not continue
        raw = reading.go_on(until)
        if raw is None:
            self._reading = reading
            return False
        if not _is_made_of(self._told, raw):
            self._told = wire.census_tables(raw)
            self._sizes = list(map(wire.table_size, self._told))
        return True

    def _shares_anew(self) -> bool:
        """Whether some tables were reported in full at the expense of others. Then the census is taken once more."""
        whole = [size.told for size in self._sizes if not size.is_cut]
        self._each = fair_share(whole, len(self._sizes) - len(whole), self._room)
        self._again = not self._again and self._each < max(whole, default=0)
        return self._again

    def _census(self) -> Census:
        if self._told != list(self._tables):
            # Most processes hold the same as before: to decode 100,000 holdings takes 45 ms, to recognise them 10 ms.
            tables = self._tables
            before = {table.holdings[0].pid: table.holdings for table in tables.values() if table.holdings}
            self._tables = {told: tables.get(told) or _decoded(told, before) for told in self._told}
            self._holdings = [holding for table in self._tables.values() for holding in table.holdings]
        cut = frozenset(table.cut for table in self._tables.values() if table.cut)
        passed = wire.Pass._make(self._program.element("pass", wire.PASS))
        self.unseen = (*self._never_seen, *([self._cut_short(passed.most_of)] if cut else []))
        if passed.refused:
            self.unseen += (Limit.of(limits.TABLE_FULL, probe="census", refused=passed.refused),)
        return Census(self._started_ns, self._holdings, by_address=True, cut=cut)

    def _cut_short(self, most: ProcessKey) -> Limit:
        process = self._procfs.process(most)
        self._procfs.forget({most})
        named = {"name": process.name} if process else {}
        return Limit.of(limits.CENSUS_CUT, descriptors=self._room, pid=most.pid, **named)

    def mark(self, cloexec: Mapping[Descriptor, bool | None]) -> None:
        """See CensusTaker; the kernel tells it of all."""

    def join(self, census: Census | None, events: Sequence[Event]) -> Census | None:
        """See CensusTaker; the kernel knew the names."""
        return census


def _is_made_of(tables: Iterable[bytes], raw: bytes | bytearray) -> bool:
    """Whether the census consists of exactly these. Joining them to compare would take another 8 MB."""
    at = 0
    for table in tables:
        if not raw.startswith(table, at):
            return False
        at += len(table)
    return at == len(raw)


def _decoded(told: bytes, before: Mapping[int, Sequence[Holding]]) -> _ProcessHoldings:
    """A table of the same objects as before, where they are equal: two censuses of 131,072 descriptors take 60 MB."""
    holdings, cut = wire.decode_table(told)
    known = {holding: holding for holding in before.get(holdings[0].pid, ())} if holdings else {}
    return _ProcessHoldings([known.get(holding, holding) for holding in holdings], cut)


class LiveInstances(NamedTuple):
    """What the kernel notes of live instances."""

    at_ns: int
    """Before it was read."""
    created_ns: Mapping[int, int]
    """By address."""
    whole: bool
    """No note was ever lost for want of room."""


class ScanCensus:
    """A walk through /proc with kcmp, joined with what the probes saw.

    An instance whose creation was not seen, or that left all its places from one census to the next, bears a number in
    place of its address, so that its release cannot be matched: it is gone when a census no longer shows it.
    """

    def __init__(self, *, include_self: bool, live_instances: Callable[[], LiveInstances] | None = None) -> None:
        """Looks at nothing yet.

        Args:
            include_self: look at our own descriptors too.
            live_instances: reads what the kernel notes of live instances. If events were lost, it shows which instances
                have ended. None: that is not noticed.
        """
        self._scan = Scan(Procfs(), include_self=include_self)
        self.by = self._scan.by
        self.unseen: tuple[Limit, ...] = ()
        self.unreadable = 0
        self.descriptors: Mapping[ProcessKey, Descriptors] = {}
        self._live_instances = live_instances
        self._noted = LiveInstances(0, {}, whole=False)
        self._naming = Naming(self._scan.shares_table)

    def take(self) -> Census:
        if self._live_instances is not None:
            # First: every instance in the scan was alive at this time, or came later.
            self._noted = self._live_instances()
        scanned = self._scan.take()
        self.unseen, self.unreadable, self.descriptors = scanned.unseen, scanned.unreadable, scanned.descriptors
        return scanned.census

    def mark(self, cloexec: Mapping[Descriptor, bool | None]) -> None:
        self._scan.mark(cloexec)

    def join(self, census: Census | None, events: Sequence[Event]) -> Census | None:
        if census is None:
            self._naming.learn(events)
            return None
        later_from = bisect.bisect_left(events, census.started_ns, key=attrgetter("time_ns"))
        self._naming.learn(events[:later_from])
        self._naming.forget(self._is_over)
        later = events[later_from:]
        holdings = self._naming.named(census.holdings, later)
        self._naming.learn(later)
        return replace(census, holdings=holdings)

    def _is_over(self, created: Event) -> bool:
        """Whether the kernel is known to have released that instance."""
        last_ns = self._noted.created_ns.get(created.file, 0 if self._noted.whole else created.created_ns)
        return created.created_ns < self._noted.at_ns and last_ns != created.created_ns


def scan_census(program: Program, *, include_self: bool) -> ScanCensus:
    """The second way, which looks at what the probes noted."""
    table = live_instances(program)

    def noted_now() -> LiveInstances:
        at_ns = now_ns()
        created_ns = {file: noted[0] for (file,), noted in table.items()}
        totals = wire.sum_totals(program.per_cpu("totals", wire.TOTALS))
        return LiveInstances(at_ns, created_ns, whole=totals.overflowed == totals.unattributed)

    return ScanCensus(include_self=include_self, live_instances=noted_now)


CENSUS: dict[str, Callable[[Program, bool], CensusTaker]] = {
    "iterator": lambda program, _: IteratorCensus(program),
    "proc": lambda program, include_self: scan_census(program, include_self=include_self),
}
"""The ladder, best rung first; AttachError leads on to the next."""
