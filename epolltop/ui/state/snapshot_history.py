"""Snapshots of the last minutes, to step back without a recording."""

from __future__ import annotations

import collections
from dataclasses import replace

from epolltop.model.process_loops import NO_LOOPS
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot

SNAPSHOTS = 300
"""Five minutes at a second each. Snapshots share what did not change: rows, instances, the journal."""
ROOM = 24_000_000
"""Bytes that all of them take together; beyond it the oldest go early. 10 processes that act in every snapshot, with
20 events, fill it to a quarter; 200 of them leave two minutes."""
ROW, EVENT, INSTANCE, HOLDER, REFERENCE = 1200, 370, 420, 150, 8
"""Bytes of a row that changed, with its history of rates, of an event, of an instance that changed, of a process as one
of its holders, and of what a snapshot shares."""
LOOP = 4000
"""Of a loop that changed, at most: 18 counters, by how much they rose, and three lists of buckets."""

NEAR = 3
"""The last snapshots, which keep their whole journals: 10,000 events are 1 MB."""
EVENTS = 100
"""Events of an older snapshot that the one before it does not have: in a storm every event is new, 10,000 a refresh."""


class Ring:
    """Snapshots in order, and the one that is held, if any."""

    def __init__(self) -> None:
        self._kept: collections.deque[Snapshot] = collections.deque(maxlen=SNAPSHOTS)
        self._sizes: collections.deque[int] = collections.deque()  # of each but the newest
        self._size = 0
        self.held: Snapshot | None = None
        """Shown in place of the latest."""

    def add(self, snapshot: Snapshot) -> None:
        """The newest from here on."""
        if len(self._kept) == self._kept.maxlen:
            self._drop()
        if self.latest is not None:
            self._sizes.append(_size(self.latest, snapshot))
            self._size += self._sizes[-1]
        self._kept.append(snapshot)
        while self._size > ROOM and len(self._kept) > 1:
            self._drop()
        if len(self._kept) > NEAR:
            before, old = self._kept[-NEAR - 1], self._kept[-NEAR]
            if old.journal_end - before.journal_end > EVENTS:
                self._kept[-NEAR] = replace(old, journal=old.journal[-EVENTS:])

    def _drop(self) -> None:
        self._kept.popleft()
        self._size -= self._sizes.popleft()

    @property
    def latest(self) -> Snapshot | None:
        """The newest; None before the first."""
        return self._kept[-1] if self._kept else None

    @property
    def shown(self) -> Snapshot | None:
        """What the screen is about."""
        return self.held or self.latest

    @property
    def reach_s(self) -> float:
        """How far back it goes."""
        return (self._kept[-1].now_ns - self._kept[0].now_ns) / 1e9 if self._kept else 0.0

    def restart(self, snapshot: Snapshot) -> None:
        """Restarts after a jump in time: this snapshot is the newest, and there is none before it."""
        self._kept.clear()
        self._sizes.clear()
        self._size = 0
        self.held = None
        self.add(snapshot)

    def hold(self) -> None:
        """Stays with what is shown."""
        self.held = self.shown

    def release(self) -> None:
        """Goes along with the newest again."""
        self.held = None

    def step(self, steps: int) -> bool:
        """Holds the snapshot that many steps later, or earlier if negative; False if there is none that far."""
        if not self._kept:
            return False
        times = [snapshot.now_ns for snapshot in self._kept]
        shown = self.held or self._kept[-1]
        # The held snapshot may have left the ring: then it is before the oldest.
        at = times.index(shown.now_ns) if shown.now_ns in times else -1
        wanted = max(0, min(at + steps, len(times) - 1))
        self.held = self._kept[wanted]
        return wanted == at + steps


def _size(snapshot: Snapshot, later: Snapshot) -> int:
    """About how many bytes it does not share with the next snapshot, and would free. The newest stays anyway."""
    if snapshot.processes is later.processes:
        rows = 0
    else:
        known = {row.key: row for row in later.processes}
        rows = REFERENCE * len(snapshot.processes)
        for row in snapshot.processes:
            now = known.get(row.key)
            if now is not row:
                rows += ROW + _loops(row, now)
                rows += 0 if now and now.instances is row.instances else _instances(row, now)
    return rows + EVENT * min(later.journal_end - snapshot.journal_end, EVENTS)


def _loops(row: ProcessRow, now: ProcessRow | None) -> int:
    """Of those that are not the same any more."""
    return REFERENCE * len(row.loops) + LOOP * row.loops.changed_since(now.loops if now else NO_LOOPS)


def _instances(row: ProcessRow, now: ProcessRow | None) -> int:
    """Of those it has no longer; one of several holders counts with the first of them.

    What stands for a process among the holders stays while it holds them: it counts with the process.
    """
    known = set(map(id, now.instances)) if now else set()
    past = (each for each in row.instances if id(each) not in known)
    changed = sum(
        INSTANCE + REFERENCE * len(each.holders) for each in past if each.holders and each.holders[0][0] == row.key
    )
    return changed + REFERENCE * row.open + HOLDER * max(0, row.open - (now.open if now else 0))
