"""Rounds through all interest lists: some rules need the list of every instance.

To read a list costs its program a microsecond a watch, while the instance is locked, and epolltop a hundred times as
much. So a round is slow: a few lists at a time, and none of processes that may have long ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.process_row import ProcessRow

PAUSE_NS = 5_000_000_000
"""Between two looks, each at a few lists. To begin one costs as much as 25 watches."""
WATCHES_MAX = 100
"""Of all lists of one look: 25 ms. One list may be longer; then the pause is longer, too."""
AGAIN_NS = 30_000_000_000
"""A list is due again after that long; after a pause, if its last reading made it interesting."""
FDS_MAX = 2000
"""Descriptors of a process whose lists are read: the number of watches is not known before."""


class Rounds:
    """Through the lists of all instances of a world."""

    def __init__(self) -> None:
        self._asked_ns: dict[InstanceKey, int] = {}  # when each was asked for last, the one longest ago first
        self._chosen: tuple[Instance, ...] = ()
        self._next_ns = 0

    def due(
        self, rows: Iterable[ProcessRow], interesting: Collection[InstanceKey], now_ns: int
    ) -> tuple[Instance, ...]:
        """What to read now. It stays so until the next look: the source may not have had time.

        Args:
            rows: all processes.
            interesting: instances that are due sooner.
            now_ns: boot clock.
        """
        if now_ns < self._next_ns:
            return self._chosen
        present = _readable(rows)
        self._asked_ns = {key: at_ns for key, at_ns in self._asked_ns.items() if key in present}
        chosen: list[tuple[InstanceKey, Instance]] = []
        total = 0
        for key in self._in_order(present, interesting, now_ns):
            instance, watches = present[key]
            if chosen and total + watches > WATCHES_MAX:
                break
            chosen.append((key, instance))
            total += watches
        for key, _ in chosen:
            self._asked_ns.pop(key, None)
            self._asked_ns[key] = now_ns
        if chosen:
            self._next_ns = now_ns + PAUSE_NS * max(WATCHES_MAX, total) // WATCHES_MAX
        self._chosen = tuple(instance for _, instance in chosen)
        return self._chosen

    def _in_order(
        self, present: Mapping[InstanceKey, object], interesting: Collection[InstanceKey], now_ns: int
    ) -> Iterator[InstanceKey]:
        """Interesting ones and those that were never read in turn, then those that were read longest ago."""
        again = [key for key in self._asked_ns if key in interesting]
        new = (key for key in present if key not in self._asked_ns)
        for key in again:
            yield key
            yield from _first(new)
        yield from new
        yield from (
            key for key, at_ns in self._asked_ns.items() if now_ns - at_ns >= AGAIN_NS and key not in interesting
        )


def _first(keys: Iterator[InstanceKey]) -> Iterator[InstanceKey]:
    """The next one, if there is one."""
    for key in keys:
        yield key
        return


def _readable(rows: Iterable[ProcessRow]) -> dict[InstanceKey, tuple[Instance, int]]:
    """Instances of processes with few descriptors, each with the watches that it may have."""
    found: dict[InstanceKey, tuple[Instance, int]] = {}
    for row in rows:
        fds = row.facts.fds
        if fds is None or fds > FDS_MAX or row.ended:
            continue
        share = fds // max(1, len(row.instances))
        for instance in row.instances:
            watches = share if instance.watches is None else instance.watches
            if watches <= FDS_MAX:
                found[instance.key] = instance, 1 + watches
    return found
