"""Threads that wait on instances, as /proc shows them where no probe sees waits.

A look tells that a thread waits, in which call, and what it asked for. It does not tell since when: a wait has lasted
at least since the first look at it, if the thread has not run meanwhile. What the thread does between two looks, and
what it did before, is not seen.

Cost on Linux 6.18: 10 µs for a thread, 5 more if it waits, 20 more if it has run since the last look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from epolltop.model import limits
from epolltop.model.instance_key import TracedKey
from epolltop.model.limits import Limit
from epolltop.model.loop_activity import LoopCounts, LoopKey, Turn
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.own_process.pace import Allowance, now_ns
from epolltop.proc.procfs import Procfs
from epolltop.text.safe import safe

_SHARE, _MOST_S = 0.05, 0.1
"""Of all time, and at once. A look that takes longer goes on with the next poll, thread by thread."""
_NONE = LoopCounts()


class _Seen(NamedTuple):
    """The last wait of a thread that was seen."""

    loop: LoopKey
    turn: Turn | None
    """None: at the last look the thread did not wait."""
    ran: bytes
    """While this stays the same, so does the wait."""


class SeenWaits:
    """One thread has one loop here, the last one that it was seen in."""

    def __init__(self, procfs: Procfs, instance_of: Callable[[int, int], TracedKey | None]) -> None:
        """Looks at nothing yet.

        Args:
            procfs: where to look.
            instance_of: takes a pid and a descriptor, and answers which instance is there.
        """
        self._procfs, self._instance_of = procfs, instance_of
        self._seen: dict[ProcessKey, dict[int, _Seen]] = {}
        self._closed: set[ProcessKey] = set()
        self._round: Iterator[None] | None = None
        self._allowance = Allowance(_SHARE, _MOST_S)

    def look(self, holders: Collection[ProcessKey]) -> None:
        """Looks at the threads of those processes, as far as there is time.

        Args:
            holders: of instances, all of them; a set or a mapping, because it is searched.
        """
        for ended in self._seen.keys() - holders:
            del self._seen[ended]
        self._closed &= set(holders)
        with self._allowance.spend() as deadline:
            self._round = self._round or self._look_at_all(tuple(holders))
            while next(self._round, self) is not self:
                if deadline.is_over:
                    return
        self._round = None

    def members(self) -> Mapping[str, Any]:
        """Of a batch."""
        threads = [each for threads in self._seen.values() for each in threads.values()]
        return {
            "loops": {each.loop: _NONE for each in threads},
            "turns": {each.loop: each.turn for each in threads if each.turn},
        }

    def limits(self) -> Iterator[Limit]:
        """What is not known of waits."""
        yield Limit(limits.WAITS_LOOKED_AT)
        if self._closed:
            yield Limit.of(limits.WAITS_CLOSED, processes=len(self._closed))
        if self._round is not None:
            yield Limit(limits.WAITS_CUT)

    def _look_at_all(self, holders: Collection[ProcessKey]) -> Iterator[None]:
        for process in holders:
            before = self._seen.pop(process, {})
            threads = self._procfs.threads(process.pid)
            now = self._seen[process] = {tid: before[tid] for tid in threads if tid in before}
            self._closed.discard(process)
            for tid in threads:
                if self._seen.get(process) is not now:  # the process has ended meanwhile
                    break
                try:
                    seen = self._look_at(process, tid, now.get(tid))
                except PermissionError:
                    self._closed.add(process)
                    break
                if seen:
                    now[tid] = seen
                yield

    def _look_at(self, process: ProcessKey, tid: int, before: _Seen | None) -> _Seen | None:
        wait = self._procfs.wait(process.pid, tid)
        instance = self._instance_of(process.pid, wait.fd) if wait else None
        if wait is None or instance is None:
            return before and before._replace(turn=None)
        ran = self._procfs.ran(process.pid, tid)
        if before and before.turn and ran and ran == before.ran:
            return before
        since_ns, thread = now_ns(), self._procfs.thread(process.pid, tid)
        if thread is None:
            return None
        return _Seen(
            LoopKey(*instance, process, tid, thread.start * NS_PER_TICK),
            Turn(since_ns, 0, wait.timeout_ns, wait.maxevents, wait.call, safe(thread.comm)),
            ran,
        )
