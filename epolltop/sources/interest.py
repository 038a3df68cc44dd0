"""Interest lists, read with the names of their targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from epolltop.model.bounds import INTEREST_CHARS_MAX
from epolltop.model.holding import Descriptor
from epolltop.model.socket import NamespaceSockets
from epolltop.model.watch import NOT_SEEN, InterestList, Target, Watch, needs_an_edge
from epolltop.own_process.pace import Deadline, now_ns
from epolltop.proc import kcmp
from epolltop.proc.ends import EndFinder, Ends
from epolltop.proc.fd import link_of, protocol_of, survivor
from epolltop.proc.interest_lines import InterestLine
from epolltop.proc.pids import OwnPids
from epolltop.proc.procfs import Procfs
from epolltop.proc.reading import CLOSED
from epolltop.proc.target import open_target
from epolltop.sources.namespace_sockets import ByNetlink, by_netlink, sockets_of
from epolltop.sources.sightings import IsTarget, Observer, Sighting
from epolltop.sources.target_names import links_to_find, named

Key = TypeVar("Key")

TABLES_MAX = 8
"""Processes that hold one instance, in whose tables targets are looked for."""
_SHARE = 4
"""The sockets of namespaces, and the other ends of connections, get one part each in so many of the time."""
_NO_SOCKETS = NamespaceSockets(complete=False)
_EVENTPOLL = b"anon_inode:[eventpoll]"


def _not_known(_pid: int, _fd: int) -> int | None:
    """Nobody knows instances."""
    return None


class _Inspected(NamedTuple):
    """One instance while it is looked at."""

    pid: int
    """Of the process in which it was read."""
    sightings: tuple[Sighting, ...]
    total: int
    """Number of its watches."""
    read_ns: int = 0
    """As in InterestList."""

    @property
    def sockets(self) -> set[int]:
        """The inodes of those that it watches."""
        return {each.line.socket for each in self.sightings if each.line.socket is not None}

    @property
    def silent_sockets(self) -> set[int]:
        """Of these, those that may have what no further event tells of."""
        lines = (each.line for each in self.sightings if needs_an_edge(each.line.events))
        return {line.socket for line in lines if line.socket is not None}


def _had_no_time(each: Sighting, known: NamespaceSockets) -> bool:
    """Whether it is a socket that nothing was learnt about because there was no time to go through all sockets."""
    return each.line.socket is not None and each.line.socket not in known.by_inode and not known.complete


class InterestLists:
    """Reads what instances watch. Bounded in time, but for the reading of a single list, 1 µs a watch."""

    def __init__(
        self,
        procfs: Procfs,
        *,
        instance_of: Callable[[int, int], int | None] = _not_known,
        is_target: IsTarget | None = None,
        load_netlink: Callable[[], ByNetlink] = by_netlink,
    ) -> None:
        """Has read nothing yet.

        Args:
            procfs: the tree with the processes.
            instance_of: the file, as in Instance, behind a descriptor that is for an instance; None if not known.
            is_target: how files are compared; None: by kcmp, if it knows the processes by the pids of the tree.
            load_netlink: how the kernel is asked for sockets.
        """
        self._procfs, self._root = procfs, procfs.root
        self._ends = EndFinder(procfs)
        self._is_target = is_target or (kcmp.is_target if OwnPids(procfs).ours else kcmp.untold)
        self._instance_of, self._load = instance_of, load_netlink
        self.loading_s = 0.0
        """CPU time that went into loading the netlink client, once, and not into lists."""

    def look(
        self, asked: Mapping[int, Sequence[Descriptor]], within_s: float, *, thoroughly: bool = True
    ) -> dict[int, InterestList]:
        """Reads lists, each through the first descriptor that leads to one.

        Args:
            asked: by file, as in Instance, a descriptor of each process that holds it.
            within_s: time for all of it. A list for which none is left is not read, a target not named.
            thoroughly: otherwise no process is searched for the same sockets and pipes, and the kernel is asked only
                about sockets of which no further event may tell.

        Returns:
            By file, those that were read.
        """
        deadline = Deadline(within_s)
        looked: dict[int, _Inspected] = {}
        for file, holders in asked.items():
            if deadline.is_over:
                break
            if found := self._look(holders, deadline):
                looked[file] = found
        return self._tell(looked, within_s, deadline, thoroughly=thoroughly)

    def targets(self, of: Mapping[Key, tuple[int, Descriptor]], within_s: float) -> dict[Key, Target]:
        """What descriptors are for now.

        Args:
            of: a thread, and a descriptor in its table, by whatever they are known by.
            within_s: time for all of it.

        Returns:
            Those that could be seen.
        """
        deadline = Deadline(within_s)
        looked: dict[Key, _Inspected] = {}
        for key, (thread, (process, fd)) in of.items():
            seen = None if deadline.is_over else open_target(self._root, thread, fd)
            if seen:
                inode, device = (seen.type.inode, seen.type.device) if seen.type else (None, None)
                sighting = Sighting(InterestLine(fd, 0, 0, inode, device, 0), table=thread, seen=seen)
                looked[key] = _Inspected(process.pid, (sighting,), 1)
        told = self._tell(looked, within_s, deadline)
        return {key: each.watches[0].target for key, each in told.items()}

    def _tell(
        self, looked: Mapping[Key, _Inspected], within_s: float, deadline: Deadline, *, thoroughly: bool = True
    ) -> dict[Key, InterestList]:
        share_s = within_s / _SHARE
        wanted = ((each.pid, each.sockets if thoroughly else each.silent_sockets) for each in looked.values())
        sockets = sockets_of(self._root, wanted, share_s, self._load_netlink)
        of_all = [(key, each, sockets.get(each.pid, _NO_SOCKETS)) for key, each in looked.items()]
        links = {link for _, each, known in of_all for link in links_to_find(each.sightings, known)}
        ends = self._ends.ends(links, Deadline(share_s), search=thoroughly)
        return {key: self._told(each, known, ends, deadline) for key, each, known in of_all}

    def _look(self, holders: Sequence[Descriptor], deadline: Deadline) -> _Inspected | None:
        for process, fd in holders:
            read_ns, start = now_ns(), self._procfs.start_ticks(process.pid)
            if start is None or process.start not in (0, start):
                continue
            pids = list(dict.fromkeys((process.pid, *(other.pid for other, _ in holders))))
            try:
                table = survivor(self._root, process.pid) or process.pid
                if link_of(self._root, table, fd) != _EVENTPOLL:
                    continue
                tables = [table, *filter(None, map(self._table, pids[1:TABLES_MAX]))]
                sightings, total = Observer(
                    self._root,
                    tables,
                    fd,
                    complete=len(tables) == len(pids),
                    is_target=self._is_target,
                    instance_of=self._instance_of,
                ).look(deadline)
            except CLOSED:
                continue
            # Of a process that has ended, or of another with its pid, it would be a lie.
            if self._procfs.start_ticks(process.pid) == start:
                return _Inspected(process.pid, sightings, total, read_ns)
        return None

    def _load_netlink(self) -> ByNetlink:
        began_s = time.thread_time()
        try:
            return self._load()
        finally:
            self.loading_s += time.thread_time() - began_s

    def _table(self, pid: int) -> int | None:
        try:
            return survivor(self._root, pid) or pid
        except CLOSED:
            return None

    def _told(self, looked: _Inspected, known: NamespaceSockets, ends: Ends, deadline: Deadline) -> InterestList:
        watches: list[Watch] = []
        room, unnamed = INTEREST_CHARS_MAX, 0
        for each in looked.sightings:
            protocol = b"" if deadline.is_over else self._protocol(each, known)
            watch = named(each, looked.pid, known, ends, protocol)
            room -= len(watch.target.text)
            if room < 0:
                watch = watch._replace(target=NOT_SEEN)
            unnamed += (watch.target == NOT_SEEN and (each.missed or room < 0)) or _had_no_time(each, known)
            watches.append(watch)
        return InterestList(tuple(watches), looked.total - len(watches), unnamed, looked.read_ns)

    def _protocol(self, each: Sighting, known: NamespaceSockets) -> bytes:
        inode = each.line.socket
        if inode is None or each.table is None or inode in known.by_inode:
            return b""
        return protocol_of(self._root, each.table, each.line.fd, inode)
