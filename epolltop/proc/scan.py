"""Walks the descriptor table of every process of a /proc tree for epoll instances.

Threads with a descriptor table of their own are not seen: finding them would take a call for each thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from epolltop.model import limits
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.holding import Census, Descriptor, Holding
from epolltop.model.limits import Limit
from epolltop.model.process import Process, ProcessKey
from epolltop.own_process.pace import Deadline, now_ns
from epolltop.proc import kcmp
from epolltop.proc.fd import EpollFds
from epolltop.proc.kcmp import Slot
from epolltop.proc.open_files import OpenFiles
from epolltop.proc.pids import OwnPids
from epolltop.proc.procfs import Procfs
from epolltop.proc.shares import HOLDINGS, fair_share

WALK_S = 1.0
"""Time for reading tables: some 300,000 descriptors. The next walk begins where this one left off."""
FRESH_MAX = 20_000
"""New descriptors that one walk sorts, some 60 us each. Those of the processes with most of them wait."""


_UNREAD = EpollFds(0, [], whole=False)


class Scanned(NamedTuple):
    """What one walk found."""

    census: Census
    """Its holdings are a new object if, and only if, something changed; they are sorted by pid."""
    processes: dict[ProcessKey, Process]
    """The processes that hold instances."""
    unreadable: int
    """Processes whose descriptors may not be read."""
    unseen: tuple[Limit, ...]
    """What it could not see or tell apart."""
    descriptors: dict[ProcessKey, Descriptors]
    """Of these processes, as far as their table was read to its end."""


class _Holdings(NamedTuple):
    """The epoll descriptors of one process."""

    key: ProcessKey
    fds: list[int]
    holdings: list[Holding]


@dataclass(slots=True)
class _Walk:
    """What was read from all tables."""

    found: dict[int, tuple[ProcessKey, list[int]]]
    """Epoll descriptors by pid, ascending."""
    processes: dict[ProcessKey, Process]
    threads: dict[int, int]
    cut: set[ProcessKey]
    """Processes whose table was not read, or not completely."""
    descriptors: dict[ProcessKey, Descriptors]
    unreadable: int = 0


class Scan:
    """Instances by number, kept from one walk to the next."""

    def __init__(self, procfs: Procfs, *, include_self: bool) -> None:
        self._procfs = procfs
        self._include_self = include_self
        self._pids = OwnPids(procfs)
        self.compares = kcmp.available() and self._pids.known
        """Whether shared instances are recognised."""
        self._whole = procfs.shows_machine()
        self._files = OpenFiles(self._compare if self.compares else kcmp.refused)
        self._threads: dict[int, int] = {}
        """By which the kernel knows the tables of the last walk, by pid."""
        self._tables: dict[int, _Holdings] = {}
        self._next = 0  # the pid that the next walk begins with
        self._cloexec: dict[Slot, tuple[int, bool]] = {}  # of which file it was read
        self._holdings: list[Holding] = []

    @property
    def by(self) -> str:
        """How instances are found."""
        return "/proc + kcmp" if self.compares else "/proc"

    def take(self) -> Scanned:
        """Walks all descriptor tables, within WALK_S, and sorts what is new in them, up to FRESH_MAX.

        Raises:
            OSError: /proc went away, or we have no descriptor left to read it with.
        """
        started_ns = now_ns()
        pids = self._procfs.pids()
        walk = self._walk(pids)
        self._threads = walk.threads
        cut = walk.cut | self._trim(walk.found)
        holders = [ProcessKey(walk.threads[pid], key.start) for pid, (key, _) in walk.found.items()]
        uncompared = self._pids.learn(holders) if self.compares else 0
        self._update(walk.found)
        census = Census(started_ns, self._holdings, by_address=False, cut=frozenset(cut))
        unseen = (
            *_walk_cut(cut),
            *self._uncompared(uncompared),
            Limit(limits.THREAD_TABLES_UNSEEN),
            *self._hidden(pids),
        )
        return Scanned(census, walk.processes, walk.unreadable, unseen, walk.descriptors)

    def _walk(self, pids: Sequence[int]) -> _Walk:
        """Reads tables, beginning with those that the last walk did not reach; the rest stays as it was."""
        walk = _Walk({}, {}, {}, set(), {})
        own = None if self._include_self else self._procfs.own_pid()
        deadline = Deadline(WALK_S)
        order = sorted((pid for pid in pids if pid != own), key=lambda pid: (pid < self._next, pid))
        self._next = 0
        for pid in order:
            known = self._tables.get(pid)
            try:
                told = _UNREAD if deadline.is_over else self._procfs.epoll_fds(pid, deadline)
            except PermissionError:
                walk.unreadable += 1
                continue
            thread, fds, whole, descriptors = told
            if not whole:
                # One that takes all the time alone comes last the next time.
                self._next = self._next or pid + bool(thread)
                walk.cut.add(known.key if known else ProcessKey(pid, 0))
                thread, fds = (self._threads.get(pid, pid), known.fds) if known else (thread, fds)
            if fds and (process := self._process(pid)) and (whole or known is None or process.key == known.key):
                walk.processes[process.key] = process
                walk.found[pid] = process.key, fds
                walk.threads[pid] = thread
                if descriptors is not None:
                    walk.descriptors[process.key] = descriptors
        walk.found = dict(sorted(walk.found.items()))
        return walk

    def _trim(self, found: dict[int, tuple[ProcessKey, list[int]]]) -> set[ProcessKey]:
        """Drops what is too much to keep, or to sort now; returns the processes it drops from."""
        cut = set()
        sizes = [len(fds) for _, fds in found.values()]
        if sum(sizes) > HOLDINGS:
            each = fair_share(sizes, 0, HOLDINGS)
            for pid, (key, fds) in found.items():
                if len(fds) > each:
                    found[pid] = key, fds[:each]
                    cut.add(key)
        fresh = {pid: self._fresh(pid, *table) for pid, table in found.items()}
        left = FRESH_MAX
        for pid in sorted(fresh, key=lambda pid: len(fresh[pid])):
            late = fresh[pid][left:]
            left -= len(fresh[pid]) - len(late)
            if late:
                key, fds = found[pid]
                found[pid] = key, sorted(set(fds).difference(late))
                cut.add(key)
        return cut

    def _fresh(self, pid: int, key: ProcessKey, fds: list[int]) -> list[int]:
        known = self._tables.get(pid)
        if known is None or known.key != key:
            return fds
        return sorted(set(fds).difference(known.fds)) if fds != known.fds else []

    def mark(self, cloexec: Mapping[Descriptor, bool | None]) -> list[Holding]:
        """The holdings of the last walk, updated by whether some descriptors are closed on exec.

        They are a new object if, and only if, something changed. Later walks keep the update.
        """
        changed = set()
        for (process, fd), flag in cloexec.items():
            place = process.pid, fd
            told = self._files.file(place), flag
            if told[0] and flag is not None and self._cloexec.get(place) != told and process.pid in self._tables:
                self._cloexec[place] = told[0], flag
                changed.add(process.pid)
        for pid in changed:
            self._tables[pid] = self._table(self._tables[pid].key, self._tables[pid].fds)
        if changed:
            self._holdings = self._joined()
        return self._holdings

    def file(self, place: Slot) -> int:
        """Number of the instance that the last walk found in a slot; 0 if none."""
        return self._files.file(place)

    def _uncompared(self, foreign: int) -> Iterator[Limit]:
        """The limits of kcmp, with that many holders in no PID namespace of ours."""
        if not self._pids.known:
            yield Limit(limits.FOREIGN_PROC)
        elif not self.compares:
            yield Limit(limits.NO_KCMP)
        if foreign:
            yield Limit.of(limits.UNCOMPARED, processes=foreign)

    def _hidden(self, pids: Collection[int]) -> Iterator[Limit]:
        """Who is not even listed."""
        if 1 not in pids:
            yield Limit(limits.HIDEPID)
        elif not self._whole:
            yield Limit(limits.PART_OF_MACHINE)

    def shares_table(self, pid: int, tid: int) -> bool:
        """Whether a thread is known to share the table that is shown for its process."""
        thread = self._threads.get(pid, pid)
        return thread == tid or (self.compares and self._pids.ours and kcmp.same_table(thread, tid))

    def _compare(self, pid1: int, fd1: int, pid2: int, fd2: int) -> int:
        """As `kcmp.compare`, with pids of the tree."""
        one, other = (self._pids.own(self._threads.get(pid, pid)) for pid in (pid1, pid2))
        return kcmp.compare(one, fd1, other, fd2)

    def _process(self, pid: int) -> Process | None:
        known = self._tables.get(pid)
        process = self._procfs.process(known.key) if known else None
        return process or self._procfs.process(ProcessKey(pid, 0))

    def _update(self, found: dict[int, tuple[ProcessKey, list[int]]]) -> None:
        """Numbers what was found."""
        gone: list[Slot] = []
        fresh: list[Slot] = []
        for pid, known in self._tables.items():
            key, fds = found.get(pid, (None, []))
            if key != known.key:
                gone += [(pid, fd) for fd in known.fds]
            elif fds != known.fds:
                gone += [(pid, fd) for fd in set(known.fds).difference(fds)]
        for pid, seen in found.items():
            fresh += [(pid, fd) for fd in self._fresh(pid, *seen)]
        for place in itertools.chain(gone, fresh):
            self._cloexec.pop(place, None)
        touched = self._files.update(gone, fresh).union(pid for pid, _ in gone)
        for pid in touched:
            self._tables.pop(pid, None)
            if pid in found and (table := self._table(*found[pid])).fds:
                self._tables[pid] = table
        if touched:
            self._holdings = self._joined()

    def _joined(self) -> list[Holding]:
        """Sorted by pid, so that the order does not depend on which process changed last."""
        return [holding for pid in sorted(self._tables) for holding in self._tables[pid].holdings]

    def _table(self, key: ProcessKey, fds: list[int]) -> _Holdings:
        """Leaves out descriptors that vanished since, so that they are new to the next scan if they come back."""
        files = [(fd, file) for fd in fds if (file := self._files.file((key.pid, fd)))]
        holdings = [
            Holding(file, 0, key.start, key.pid, fd, 0, 0, cloexec=self._closes((key.pid, fd), file))
            for fd, file in files
        ]
        return _Holdings(key, [fd for fd, _ in files], holdings)

    def _closes(self, place: Slot, file: int) -> bool | None:
        """Whether a descriptor for that file is closed on exec; None if it was not read."""
        known, flag = self._cloexec.get(place, (0, None))
        return flag if known == file else None


def _walk_cut(cut: Collection[ProcessKey]) -> Iterator[Limit]:
    """Whose tables it did not take whole."""
    if cut:
        yield Limit.of(limits.WALK_CUT, processes=len(cut))
