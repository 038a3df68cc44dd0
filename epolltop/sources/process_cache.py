"""Facts from /proc about the processes a source deals with, at a bounded cost a poll."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Collection, Container, Mapping

from epolltop.model.holding import Descriptor
from epolltop.model.process import Process, ProcessKey
from epolltop.own_process.pace import Pace
from epolltop.proc.fdinfo import Measured
from epolltop.proc.procfs import Procfs

SHOWN, BUSY, IDLE = 400, 100, 40
"""Processes read again a poll, of those looked at, of those that acted since the last one, and of the others: at most
8, 4 and 1.6 ms of work. With more of them what is known of each is some polls old."""
WATCHED = 10_000
"""Interest lists measured a poll at most. No other is begun after WATCHING_S."""
WATCHING_S = 1.0
WATCHING_SHARE = 0.01
"""Of time, for which an instance may be locked to be measured: with up to 5,000 watches each second, with 100,000 every
twelve."""


def closes_on_exec(focus: Mapping[int, Descriptor], measured: Mapping[int, Measured]) -> dict[Descriptor, bool | None]:
    """What `Facts.measured` answered about the descriptors through which it was read."""
    return {focus[file]: each.cloexec for file, each in measured.items()}


class Facts:
    """What is known about processes, refreshed in turn."""

    def __init__(self, procfs: Procfs, asked: Collection[int] = ()) -> None:
        """Knows nothing yet.

        Args:
            procfs: where to read.
            asked: pids that were named: of these it is told whether they live, also if they hold nothing; zombies do
                not.
        """
        self._procfs = procfs
        self._asked = asked
        self._known: dict[ProcessKey, Process] = {}
        self._paces: dict[int, Pace] = {}  # by file, of instances not to be measured yet

    def of(
        self,
        wanted: Collection[ProcessKey],
        acted: Collection[ProcessKey] = frozenset(),
        shown: Collection[ProcessKey] = frozenset(),
    ) -> Mapping[ProcessKey, Process]:
        """Those of the wanted processes that are alive.

        New ones are read at once, then those that somebody looks at, those that acted, and the others.

        Wants sets or mappings: they are searched once a process.
        """
        zombies = self._zombies()
        alive = set(self._procfs.pids()) - zombies
        fresh: dict[ProcessKey, Process] = {}
        waiting = [key for key in self._known if key in wanted and key.pid in alive]
        # The oldest stand first, because what is read is put at the end.
        looked_at = frozenset(itertools.islice((key for key in waiting if key in shown), SHOWN))
        busy = itertools.islice((key for key in waiting if key in acted and key not in looked_at), BUSY)
        idle = itertools.islice((key for key in waiting if key not in acted and key not in looked_at), IDLE)
        new = (key for key in wanted if key not in self._known and key.pid not in zombies)
        read = dict.fromkeys(itertools.chain(new, looked_at, busy, idle))
        for key in read:
            facts = self._procfs.process(key, is_shown=key in looked_at)
            if facts:
                fresh[key] = facts
        kept = {key: self._known[key] for key in waiting if key not in read}
        self._known = kept | fresh
        self._procfs.forget(self._known)
        return dict(self._known)

    def asked(self) -> set[ProcessKey]:
        """Those that were named and live; 27 us each."""
        starts = ((pid, self._procfs.start_ticks(pid)) for pid in {*self._asked} - self._zombies())
        return {ProcessKey(pid, start) for pid, start in starts if start is not None}

    def measured(self, focus: Mapping[int, Descriptor], doubtful: Container[int] = ()) -> dict[int, Measured]:
        """What was read of instances by file, of those that were due and could be read in time.

        Args:
            focus: whose, and where.
            doubtful: files that may be other instances by now, or elsewhere, than when they came into focus.
        """
        # One that is due is as good as a new one.
        self._paces = {file: pace for file, pace in self._paces.items() if not pace.is_due and file not in doubtful}
        found: dict[int, Measured] = {}
        is_alive = functools.cache(self._is_alive)
        deadline = time.monotonic() + WATCHING_S
        for file, (process, fd) in itertools.islice(focus.items(), WATCHED):
            if file in self._paces or file in doubtful or not is_alive(process):
                continue
            pace = self._paces[file] = Pace(WATCHING_SHARE, time.monotonic_ns)
            measured = pace.run(functools.partial(self._procfs.measure, process.pid, fd))
            if measured is not None:
                found[file] = measured
            if time.monotonic() > deadline:
                break
        return found

    def _zombies(self) -> set[int]:
        """Of those that were named; of others nobody waits for the end."""
        return {pid for pid in self._asked if self._procfs.is_zombie(pid)}

    def _is_alive(self, key: ProcessKey) -> bool:
        """Whether the pid still is that process's."""
        return key.start in (0, self._procfs.start_ticks(key.pid))
