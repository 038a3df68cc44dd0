"""How much is known of what instances watch: lists are read only where somebody asks, and for a limited time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.watch import InterestList
from epolltop.text.numbers import grouped, plural

ROWS_MAX = 200_000
"""Watches that the view of all has a row for: 20 MB. An instance that 1,000 processes share is 1,000 times there."""


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


def watches_read(held: Iterable[Instance]) -> WatchesRead:
    """As far as it is known at the time of a snapshot; 50 ms for 100,000 instances.

    Args:
        held: instances, once for each process that holds them and has rows of its own.
    """
    each_once: dict[InstanceKey, InterestList | None] = {}
    rows = 0
    for instance in held:
        each_once[instance.key] = instance.interest
        rows += len(instance.interest.watches) if instance.interest else 0
    read = [interest for interest in each_once.values() if interest is not None]
    return WatchesRead(len(read), len(each_once), sum(interest.more + interest.unnamed for interest in read), rows)
