"""A loop with its process and its instance, and the numbers that follow from it at the time of a snapshot."""

from __future__ import annotations

from typing import NamedTuple

from epolltop.model.instance import Instance
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import InterestList
from epolltop.text.numbers import UNKNOWN

ERRORS = {
    "EINTR": "interrupted",
    "EBADF": "bad_descriptor",
    "EINVAL": "invalid",
    "EFAULT": "bad_address",
    "other": "other_errors",
}
"""By name, the counter."""


class LoopOf(NamedTuple):
    """A loop, its process, and its instance."""

    loop: LoopRow
    process: ProcessRow
    instance: Instance | None
    """None: it is not known, or no longer there."""

    @property
    def fd(self) -> int | None:
        """The lowest descriptor that the process has for the instance."""
        fds = self.instance.fds_of(self.process.key) if self.instance else ()
        return fds[0] if fds else None

    @property
    def interest(self) -> InterestList | None:
        """What its instance watches, if that was read."""
        return self.instance.interest if self.instance else None

    @property
    def thread(self) -> str:
        """Name of the thread, which many programs do not set apart from the process'."""
        return self.loop.thread or self.process.name

    @property
    def name(self) -> str:
        """As people tell loops apart: nginx 42/8."""
        return f"{self.thread} {self.process.pid}/{UNKNOWN if self.fd is None else self.fd}"

    def total(self, counter: str) -> int:
        """A counter since the observation began."""
        return int(getattr(self.loop.did.total, counter))

    def per_s(self, counter: str) -> float:
        """The rate of a counter over the window."""
        return self.loop.did.counted.per_s(counter)


def loops_of(process: ProcessRow) -> list[LoopOf]:
    """The loops of a process."""
    if not process.loops:
        return []
    held = {each.key: each for each in process.instances}
    return [LoopOf(loop, process, held.get(loop.instance_key)) for loop in process.loops]


def find_loop(snapshot: Snapshot, process: ProcessKey, loop: LoopKey) -> LoopOf | None:
    """That loop of a process, if it is there still."""
    row = snapshot.row_of(process)
    return next((each for each in loops_of(row) if each.loop.key == loop), None) if row else None


def busy(loop: LoopRow, snapshot: Snapshot) -> float | None:
    """The share of the window that a loop was away for."""
    return loop.busy(snapshot.begin_ns, snapshot.now_ns)


def lag_s(loop: LoopRow, snapshot: Snapshot) -> float | None:
    """How long a loop has been away now."""
    lag_ns = loop.lag_ns(snapshot.now_ns)
    return None if lag_ns is None else lag_ns / 1e9


def saw_entry(loop: LoopRow, snapshot: Snapshot) -> bool:
    """Whether a probe saw a loop enter its present wait. Otherwise the wait began earlier than is known."""
    return bool(loop.waiting_since_ns) and snapshot.source.sees("waits")


def unattended_s(loop: LoopRow, snapshot: Snapshot) -> float:
    """For how long none of the threads that share the instance has waited on it now."""
    since_ns = loop.unattended_since_ns
    return 0.0 if since_ns is None else (snapshot.now_ns - since_ns) / 1e9


def waiting_s(row: LoopOf, snapshot: Snapshot) -> float:
    """In waits since the observation began, the present one included."""
    begin_ns = snapshot.now_ns - round(snapshot.observed_s * 1e9)
    return (row.total("waiting_ns") + row.loop.turn_waiting_ns(begin_ns, snapshot.now_ns)) / 1e9


def away_s(row: LoopOf, snapshot: Snapshot) -> float:
    """Likewise, away."""
    begin_ns = snapshot.now_ns - round(snapshot.observed_s * 1e9)
    return (row.total("away_ns") + row.loop.turn_away_ns(begin_ns, snapshot.now_ns)) / 1e9


def errors(row: LoopOf) -> dict[str, int]:
    """How many waits failed, by the name of the error."""
    return {name: row.total(counter) for name, counter in ERRORS.items() if row.total(counter)}
