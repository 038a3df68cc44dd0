"""How much is known of what instances watch: lists are read only where somebody asks, and for a limited time."""

from __future__ import annotations

from typing import NamedTuple

from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Snapshot
from epolltop.text.numbers import grouped, plural

ROWS_MAX = 200_000
"""Watches that the view of all has a row for: 30 MB. An instance that 1,000 processes share is 1,000 times there."""


class WatchesRead(NamedTuple):
    """Of the instances that processes hold."""

    read: int
    """Lists that were read."""
    of: int
    """Lists in all, one for each instance."""
    unnamed: int
    """Watches in lists that were read, but not told one by one, or without the name of the target."""
    rows: int
    """Watches that are told one by one, once for each holder of their instance."""

    @property
    def words(self) -> str:
        """What is missing, in one sentence; empty if nothing is."""
        said = []
        if self.read < self.of:
            said.append(f"the lists of {grouped(self.read)} of {plural(self.of, 'instance')} were read")
        if self.unnamed:
            said.append(f"{plural(self.unnamed, 'registration')} in them could not be told by name")
        if self.rows > ROWS_MAX:
            said.append(f"the first {grouped(ROWS_MAX)} of {grouped(self.rows)} rows are there")
        return "; ".join(said)


def watches_read(snapshot: Snapshot, process: ProcessKey | None = None) -> WatchesRead:
    """Of one process or of all, at the time of a snapshot; 50 ms with 100,000 instances."""
    held = [instance for row in snapshot.processes if process in (None, row.key) for instance in row.instances]
    each_once = {(instance.file, instance.since_ns): instance.interest for instance in held}
    read = [interest for interest in each_once.values() if interest is not None]
    return WatchesRead(
        len(read),
        len(each_once),
        sum(interest.more + interest.unnamed for interest in read),
        sum(len(instance.interest.watches) for instance in held if instance.interest is not None),
    )
