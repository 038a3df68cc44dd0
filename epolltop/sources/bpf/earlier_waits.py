"""Threads that waited already when the probe epoll_wait was attached, and do so still: it did not see them enter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from epolltop.bcc.hash_map import HashMap
from epolltop.model.holding import Census
from epolltop.model.process import ProcessKey
from epolltop.own_process.pace import Deadline
from epolltop.proc.namespaces import levels_up
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf import loop_wire

_READING_S = 0.05
"""How long a poll looks for them at most. With 10,000 threads it takes five polls."""

_FilesByFd = dict[int, tuple[int, int]]
"""File and time of creation by descriptor."""


class EarlierWaits:
    """Gives each such thread a turn, once, unless the probe has given it one meanwhile."""

    def __init__(self, turns: HashMap, procfs: Procfs) -> None:
        """Takes the map threads, and where to look."""
        self._turns, self._procfs = turns, procfs
        self._left: Iterator[tuple[ProcessKey, _FilesByFd]] | None = None
        # Elsewhere than in the machine's own PID namespace /proc does not tell the kernel's number of a thread.
        self._is_over = levels_up(procfs) is not None

    def look(self, census: Census | None) -> None:
        """Looks on, among those who hold instances in the first census that names files by address."""
        if self._is_over:
            return
        if self._left is None:
            if census is None or not census.by_address:
                return
            self._left = iter(_by_process(census).items())
        deadline = Deadline(_READING_S)
        for process, instances in self._left:
            self._look_at(process, instances)
            if deadline.is_over:
                return
        self._is_over = True

    def _look_at(self, process: ProcessKey, instances: _FilesByFd) -> None:
        for thread in self._procfs.waits(process.pid):
            if thread.wait.fd in instances:
                instance = instances[thread.wait.fd]
                self._turns.add(loop_wire.THREAD.pack(thread.tid), loop_wire.earlier_turn(instance, process, thread))


def _by_process(census: Census) -> dict[ProcessKey, _FilesByFd]:
    processes: defaultdict[ProcessKey, _FilesByFd] = defaultdict(dict)
    for each in census.holdings:
        processes[ProcessKey(each.pid, each.start)][each.fd] = each.file, each.created_ns
    return processes
