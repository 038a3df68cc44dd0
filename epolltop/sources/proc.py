"""Epoll instances from /proc alone: every descriptor table walked each tick, shared instances recognised by kcmp.

Works without BPF and, for one's own processes, without privileges. It has no events: what comes and goes shows from
one scan to the next.

A descriptor that was an epoll instance in the previous scan, and is one now, is taken for the same instance without
asking again: that is what makes a scan of 100,000 instances cost 0.4 s instead of 6 s, nearly all of it for reading
links. It can be wrong when a program closes an instance and opens another one under the same number in between.
Mostly the kernel gives the new one the old address too, and then no scan can tell them apart. For the rest each scan
checks `_CHECKS` descriptors in turn (all of them, on most machines) and sorts in again what fails.

Not seen either: descriptors of a thread with a table of its own, or of a process whose main thread has exited.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from epolltop.model.batch import Batch, Census, Holding, Probe, Process, ProcessKey, Source
from epolltop.sources import Descriptor, SourceUnavailable, kcmp
from epolltop.sources.cost import own_cost
from epolltop.sources.facts import Facts
from epolltop.sources.host import own_host
from epolltop.sources.kcmp import Place
from epolltop.sources.procfs import Procfs

# kcmp calls per scan for checking old knowledge: 4 ms.
_CHECKS = 2000

_BLIND_SPOTS = (
    "instances that live and die between two scans are not seen, so rates are lower bounds",
    "who created an instance, when, and with which size or flags is not known",
    "instances without a descriptor (in flight in a socket, held by io_uring) are not seen",
)
_NO_KCMP = "without kcmp(2) it cannot be told which descriptors share an instance: each counts as its own"
_HIDDEN = "/proc hides other users' processes (hidepid): they are neither seen nor counted as unreadable"


class _Table(NamedTuple):
    """The epoll descriptors of one process."""

    key: ProcessKey
    fds: list[int]
    holdings: list[Holding]


class _Instance:
    """One open file: its number and the descriptors that refer to it."""

    __slots__ = ("file", "members")

    def __init__(self, file: int, members: list[Place]) -> None:
        self.file = file
        self.members = members


class Instances:
    """Numbers for open files, kept as long as any descriptor of the previous scan still refers to the file.

    If a class of descriptors turns out to be several files, the number stays with the one that most of them refer to;
    if several classes turn out to be one file, the number that most descriptors had stays. On a tie the lower, older
    number wins. A number is never used again.
    """

    def __init__(self, *, compare: bool) -> None:
        self._compare = compare
        self._of: dict[Place, _Instance] = {}
        # In the order of kcmp. What may not be compared is left out, and everything if there is no kcmp.
        self._order: list[_Instance] = []
        self._lost: set[Place] = set()
        self._last = 0
        self._checked = 0

    def file(self, descriptor: Place) -> int:
        """Number of the file behind a descriptor; 0 if it vanished while it was compared."""
        instance = self._of.get(descriptor)
        return instance.file if instance else 0

    def update(self, gone: Collection[Place], fresh: Iterable[Place]) -> set[int]:
        """Takes in what changed since the last scan.

        Returns:
            Pids of which a descriptor's number may have changed.
        """
        self._remove(gone)
        doubtful = self._check()
        self._remove(doubtful.keys())
        self._lost.clear()
        placed = [*doubtful, *fresh]
        touched = self._place(placed)
        self._name(touched, doubtful)
        members = (instance.members for instance in touched)
        return {pid for descriptors in (placed, self._lost, *members) for pid, _ in descriptors}

    def _remove(self, descriptors: Collection[Place]) -> None:
        touched = {id(instance): instance for d in descriptors if (instance := self._of.pop(d, None))}
        if not touched:
            return
        leaving = set(descriptors)
        for instance in touched.values():
            instance.members = [member for member in instance.members if member not in leaving]
        self._order = [instance for instance in self._order if instance.members]

    def _check(self) -> dict[Place, int]:
        """Compares the next instances with their neighbours: descriptors of those that fail, with their numbers."""
        doubtful: list[_Instance] = []
        calls = 0
        for _ in range(len(self._order)):
            if calls >= _CHECKS:
                break
            at = self._checked = (self._checked + 1) % len(self._order)
            instance, neighbour = self._order[at], self._order[at - 1]
            first, *others = instance.members
            calls += 1 + len(others)
            try:
                if any(not kcmp.same_file(*first, *other) for other in others):
                    doubtful.append(instance)
                elif at and kcmp.compare(*neighbour.members[0], *first) != kcmp.LESS:
                    doubtful += (neighbour, instance)  # either may be the one in the wrong place
            except OSError:
                doubtful += (neighbour, instance)
        return {member: instance.file for instance in doubtful for member in instance.members}

    def _place(self, descriptors: list[Place]) -> list[_Instance]:
        """The instances that descriptors belong to: known ones, or new ones without a number."""
        if not self._compare:
            touched = [_Instance(0, [descriptor]) for descriptor in descriptors]
        else:
            found: dict[int, _Instance] = {}
            start = 0
            for members in kcmp.group(descriptors):
                instance, start = self._sort_in(members, start)
                found[id(instance)] = instance
            touched = list(found.values())
        for instance in touched:
            self._of.update(dict.fromkeys(instance.members, instance))
        return touched

    def _sort_in(self, members: list[Place], start: int) -> tuple[_Instance, int]:
        """Finds or makes the instance of some descriptors by binary search from a start in the order.

        Returns:
            The instance, without members if they are all gone, and where to start for one that is greater.
        """
        low, high = start, len(self._order)
        while members and low < high:
            middle = (low + high) // 2
            there = self._order[middle]
            try:
                order = kcmp.compare(*members[0], *there.members[0])
            except OSError:
                state = kcmp.state(members[0])
                if state is kcmp.State.DENIED:
                    return _Instance(0, members), start
                if state is kcmp.State.GONE:
                    del members[0]
                else:
                    self._drop_representative(there)
                    start = 0
                low, high = start, len(self._order)
                continue
            if order == kcmp.SAME:
                there.members += members
                return there, middle + 1
            low, high = (low, middle) if order == kcmp.LESS else (middle + 1, high)
        instance = _Instance(0, members)
        if members:
            self._order.insert(low, instance)
        return instance, low + 1

    def _drop_representative(self, instance: _Instance) -> None:
        """Nothing can be compared with this instance by its first descriptor: that one, or the place in line, goes."""
        first = instance.members[0]
        state = kcmp.state(first)
        if state is kcmp.State.DENIED:
            self._order.remove(instance)
        elif state is kcmp.State.GONE:
            self._lost.add(first)
            # It may have been added in this very update.
            self._of[first] = instance
            self._remove([first])

    def _name(self, touched: list[_Instance], former: dict[Place, int]) -> None:
        claims: list[tuple[int, int, int]] = []
        for at, instance in enumerate(touched):
            votes = Counter(former.get(member, instance.file) for member in instance.members)
            claims += [(-count, file, at) for file, count in votes.items() if file]
        names: dict[int, int] = {}
        taken: set[int] = set()
        for _, file, at in sorted(claims):
            if at not in names and file not in taken:
                names[at] = file
                taken.add(file)
        for at, instance in enumerate(touched):
            if at not in names and instance.members:
                self._last += 1
                names[at] = self._last
            instance.file = names.get(at, 0)


class ProcSource:
    """Instances as /proc and kcmp show them. `poll` walks every descriptor table; see the module for what it costs."""

    def __init__(self, *, include_self: bool = False, root: str = "/proc", fallback: str = "") -> None:
        """Reads nothing but its own pid.

        Args:
            include_self: count our own instances too.
            root: where the tree is mounted.
            fallback: why a better source could not run, for `Source.fallback`.
        """
        self._include_self = include_self
        self._fallback = fallback
        self._procfs = Procfs(root)
        self._facts = Facts(self._procfs)
        # kcmp wants pids of our own namespace, so a tree of another one cannot be compared.
        self._kcmp = kcmp.available() and self._procfs.own_pid() == os.getpid()
        self._instances = Instances(compare=self._kcmp)
        self._tables: dict[int, _Table] = {}
        self._holdings: list[Holding] = []
        self._since_ns = 0

    def open(self) -> None:
        """Looks whether there is anything to read.

        Raises:
            SourceUnavailable: there is no /proc.
        """
        try:
            found = self._procfs.pids()
        except OSError as error:
            raise SourceUnavailable(f"/proc cannot be read: {error.strerror}", "mount -t proc proc /proc") from error
        if not found:
            raise SourceUnavailable("/proc is not mounted: it lists no process", "mount -t proc proc /proc")
        self._since_ns = _now_ns()

    def poll(self, focus: Mapping[int, Descriptor]) -> Batch:
        """Walks all descriptor tables.

        The first scan sorts all instances (6 s for 100,000).

        Args:
            focus: by number, the instances whose interest lists are measured.

        Raises:
            OSError: /proc went away, or we have no descriptor left to read it with.
        """
        started_ns = _now_ns()
        pids = self._procfs.pids()
        found: dict[int, tuple[ProcessKey, list[int]]] = {}
        processes: dict[ProcessKey, Process] = {}
        unreadable = 0
        own = None if self._include_self else self._procfs.own_pid()
        for pid in pids:
            if pid == own:
                continue
            try:
                fds = self._procfs.epoll_fds(pid)
            except PermissionError:
                unreadable += 1
                continue
            if fds and (process := self._process(pid)):
                processes[process.key] = process
                found[pid] = process.key, fds
        self._update(found)
        self._procfs.forget(processes)
        return Batch(
            since_ns=self._since_ns or started_ns,
            now_ns=_now_ns(),
            wall_ns=time.time_ns(),
            source=self._describe(unreadable, hidden=1 not in pids),
            cost=own_cost(),
            census=Census(started_ns, self._holdings),
            processes=processes,
            watches=self._facts.watches(focus),
        )

    def close(self) -> None:
        """Has nothing to detach."""

    def _process(self, pid: int) -> Process | None:
        known = self._tables.get(pid)
        process = self._procfs.process(known.key) if known else None
        return process or self._procfs.process(ProcessKey(pid, 0))

    def _update(self, found: dict[int, tuple[ProcessKey, list[int]]]) -> None:
        """Numbers what was found. The holdings are another object afterwards if, and only if, something changed."""
        gone: list[Place] = []
        fresh: list[Place] = []
        for pid, table in self._tables.items():
            key, fds = found.get(pid, (None, []))
            if key != table.key:
                gone += [(pid, fd) for fd in table.fds]
            elif fds != table.fds:
                gone += [(pid, fd) for fd in set(table.fds).difference(fds)]
        for pid, (key, fds) in found.items():
            known = self._tables.get(pid)
            if known is None or known.key != key:
                fresh += [(pid, fd) for fd in fds]
            elif fds != known.fds:
                fresh += [(pid, fd) for fd in set(fds).difference(known.fds)]
        touched = self._instances.update(gone, fresh).union(pid for pid, _ in gone)
        for pid in touched:
            self._tables.pop(pid, None)
            if pid in found and (table := self._table(*found[pid])).fds:
                self._tables[pid] = table
        if touched:
            # In the order of pids, so that whoever comes first does not depend on who changed last.
            tables = (self._tables[pid] for pid in found if pid in self._tables)
            self._holdings = [holding for table in tables for holding in table.holdings]

    def _table(self, key: ProcessKey, fds: list[int]) -> _Table:
        """Without the descriptors that vanished since: the next scan then sees that they are new, if they are back."""
        files = [(fd, file) for fd in fds if (file := self._instances.file((key.pid, fd)))]
        holdings = [Holding(file, 0, key.start, key.pid, fd, 0, 0) for fd, file in files]
        return _Table(key, [fd for fd, _ in files], holdings)

    def _describe(self, unreadable: int, *, hidden: bool) -> Source:
        how = "/proc + kcmp" if self._kcmp else "/proc"
        return Source(
            kind="proc",
            host=own_host(),
            probes=tuple(Probe(name, f"census: {how}", traces=False) for name in ("epoll_create", "files_free")),
            census_by=how,
            fallback=self._fallback,
            blind_spots=(*_BLIND_SPOTS, *(() if self._kcmp else (_NO_KCMP,)), *((_HIDDEN,) if hidden else ())),
            unreadable=unreadable,
        )


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
