"""Where the threads of processes without an event loop wait: in poll, select or io_uring, as /proc shows it.

Cost on Linux 6.18: 10 µs for a thread.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Iterator, Mapping

from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import Process, ProcessKey
from epolltop.model.thread_waits import ThreadWaits
from epolltop.own_process.pace import Allowance
from epolltop.proc.procfs import Procfs
from epolltop.proc.syscall import EPOLL

SHARE, MOST_S = 0.003, 0.05
"""Of all time, and at once: some 5,000 threads. A look that takes longer goes on with the next poll: who waits in what
seldom changes, and with 1,000 threads is known anew each three seconds."""


class OtherWaits:
    """Looks at some processes in turn."""

    def __init__(self, procfs: Procfs) -> None:
        self._procfs = procfs
        self._known: dict[ProcessKey, ThreadWaits] = {}
        self._round: Iterator[None] | None = None
        self._allowance = Allowance(SHARE, MOST_S)

    def look(self, known: Mapping[ProcessKey, Process], loops: Iterable[LoopKey]) -> Mapping[ProcessKey, ThreadWaits]:
        """Where the threads of processes wait, after a look at as many of them as there is time for.

        Args:
            known: what /proc told. A 32-bit program is left out: its calls have other numbers.
            loops: in which threads wait, or waited last; their processes are left out.
        """
        looping = {loop.process for loop in loops}
        processes = {key for key, facts in known.items() if key not in looping and not facts.compat}
        with self._allowance.spend() as deadline:
            self._round = self._round or self._look_at_all(tuple(processes))
            while next(self._round, self) is not self:
                if deadline.is_over:
                    break
            else:
                self._round = None
        self._known = {key: waits for key, waits in self._known.items() if key in processes}
        return self._known

    def _look_at_all(self, processes: Collection[ProcessKey]) -> Iterator[None]:
        for process in processes:
            counted: collections.Counter[str | None] = collections.Counter()
            threads = self._procfs.threads(process.pid)
            try:
                for tid in threads:
                    counted[self._procfs.waits_in(process.pid, tid)] += 1
                    yield
                    if EPOLL in counted:  # a loop that is not known yet
                        break
            except PermissionError:
                threads = []
            # Who lives has a thread.
            if threads and EPOLL not in counted and self._procfs.start_ticks(process.pid) == process.start:
                self._known[process] = ThreadWaits(*(counted[call] for call in ThreadWaits._fields))
            else:
                self._known.pop(process, None)
