"""Facts from /proc about the processes a source deals with, at a bounded cost a poll."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Mapping

from epolltop.model.batch import Process, ProcessKey
from epolltop.sources import Descriptor
from epolltop.sources.procfs import Procfs

BUSY, IDLE = 100, 40
"""Processes read again a poll, of those that acted since the last one and of the others: at most 4 and 1.6 ms of work.
With more of them what is known of each is some polls old."""
WATCHED = 10_000
"""Interest lists measured a poll at most, in at most WATCHING_S: each read holds the lock of an instance in use."""
WATCHING_S = 1.0


class Facts:
    """What is known about processes, refreshed in turn."""

    def __init__(self, procfs: Procfs) -> None:
        self._procfs = procfs
        self._known: dict[ProcessKey, Process] = {}

    def of(
        self, wanted: Collection[ProcessKey], acted: Collection[ProcessKey] = frozenset()
    ) -> Mapping[ProcessKey, Process]:
        """Those of the wanted processes that are alive. New ones are read at once, those that acted before others.

        Wants sets or mappings: they are searched once a process.
        """
        alive = set(self._procfs.pids())
        fresh: dict[ProcessKey, Process] = {}
        waiting = [key for key in self._known if key in wanted and key.pid in alive]
        # The oldest stand first, because what is read is put at the end.
        busy = itertools.islice((key for key in waiting if key in acted), BUSY)
        idle = itertools.islice((key for key in waiting if key not in acted), IDLE)
        read = dict.fromkeys(itertools.chain((key for key in wanted if key not in self._known), busy, idle))
        for key in read:
            facts = self._procfs.process(key)
            if facts:
                fresh[key] = facts
        kept = {key: self._known[key] for key in waiting if key not in read}
        self._known = kept | fresh
        self._procfs.forget(self._known)
        return dict(self._known)

    def watches(self, focus: Mapping[int, Descriptor]) -> dict[int, int]:
        """Lengths of interest lists by file, of those that could be read in time."""
        counts: dict[int, int] = {}
        deadline = time.monotonic() + WATCHING_S
        for file, at in itertools.islice(focus.items(), WATCHED):
            count = self._procfs.watch_count(at.pid, at.fd)
            if count is not None:
                counts[file] = count
            if time.monotonic() > deadline:
                break
        return counts
