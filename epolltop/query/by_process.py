"""The rows of all processes, of which most stay from one snapshot to the next."""

from __future__ import annotations

import itertools
import sys
import weakref
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Generic

from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.member import Row


def all_processes(snapshot: Snapshot) -> list[ProcessRow]:
    """By their identity."""
    return sorted(snapshot.processes, key=attrgetter("key"))


class _Made(list[Row]):
    """Rows, and from which process each part of them was made."""

    def __init__(self, parts: dict[ProcessKey, tuple[ProcessRow, Sequence[Row]]], most: int) -> None:
        rows = itertools.chain.from_iterable(rows for _, rows in parts.values())
        super().__init__(itertools.islice(rows, most))
        self.parts = parts


class ByProcess(Generic[Row]):
    """The rows of all processes.

    If a process is the same object as last time, so are its rows: of 100,000 few change between two snapshots. That is
    known for as long as somebody has the rows: those of 130,000 instances that are gone would keep 50 MB.
    """

    def __init__(self, rows_of: Callable[[ProcessRow], Sequence[Row]], most: int = sys.maxsize) -> None:
        """Has made none yet.

        Args:
            rows_of: makes those of one process.
            most: rows in all; no rows are made of the processes after that.
        """
        self._rows_of, self._most = rows_of, most
        self._last: Callable[[], _Made[Row] | None] = lambda: None

    def __call__(self, snapshot: Snapshot) -> list[Row]:
        last = self._last()
        known = last.parts if last is not None else {}
        parts: dict[ProcessKey, tuple[ProcessRow, Sequence[Row]]] = {}
        room = self._most
        for process in all_processes(snapshot):
            if room <= 0:
                break
            before = known.get(process.key)
            if before is None or before[0] is not process:
                before = process, self._rows_of(process)
            parts[process.key] = before
            room -= len(before[1])
        made = _Made(parts, self._most)
        self._last = weakref.ref(made)
        return made
