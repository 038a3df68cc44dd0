"""Threads that waited already when the probe epoll_wait was attached, and do so still: it did not see them enter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping

from epolltop.bcc.hash_map import HashMap
from epolltop.model.holding import Census
from epolltop.model.instance_key import TracedKey
from epolltop.model.process import ProcessKey
from epolltop.own_process.pace import Deadline
from epolltop.proc.namespaces import levels_up
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf import loop_wire

_READING_S = 0.05
"""How long a poll looks for them at most. With 10,000 threads that go on waiting it takes five to ten polls."""

_ByFd = dict[int, TracedKey]


class EarlierWaits:
    """Gives each such thread a turn, once, unless the probe has given it one meanwhile."""

    def __init__(self, turns: HashMap, procfs: Procfs) -> None:
        """Takes the map threads, and where to look."""
        self._turns, self._procfs = turns, procfs
        self._left: Iterator[tuple[ProcessKey, _ByFd, int]] | None = None
        # Elsewhere than in the machine's own PID namespace /proc does not tell the kernel's number of a thread.
        self._is_over = levels_up(procfs) is not None

    def look(self, census: Census | None, known: Container[bytes]) -> None:
        """Looks on, among those who hold instances in the first census that names files by address.

        Args:
            census: of this poll.
            known: keys of the map threads that have a turn already. Asking /proc about one takes 21 us.
        """
        if self._is_over:
            return
        if self._left is None:
            if census is None or not census.by_address:
                return
            self._left = self._threads(_by_process(census))
        deadline = Deadline(_READING_S)
        for process, instances, tid in self._left:
            if loop_wire.THREAD.pack(tid) not in known:
                self._look_at(process, instances, tid)
            if deadline.is_over:
                return
        self._is_over = True

    def _threads(self, holders: Mapping[ProcessKey, _ByFd]) -> Iterator[tuple[ProcessKey, _ByFd, int]]:
        for process, instances in holders.items():
            for tid in self._procfs.threads(process.pid):
                yield process, instances, tid

    def _look_at(self, process: ProcessKey, instances: _ByFd, tid: int) -> None:
        thread = self._procfs.waiting_thread(process.pid, tid)
        if thread and thread.wait.fd in instances:
            turn = loop_wire.earlier_turn(instances[thread.wait.fd], process, thread)
            self._turns.add(loop_wire.THREAD.pack(tid), turn)


def _by_process(census: Census) -> dict[ProcessKey, _ByFd]:
    processes: defaultdict[ProcessKey, _ByFd] = defaultdict(dict)
    for each in census.holdings:
        processes[ProcessKey(each.pid, each.start)][each.fd] = each.file, each.created_ns
    return processes
