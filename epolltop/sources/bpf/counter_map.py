"""A table that a probe fills, from start to end of an observation."""

from __future__ import annotations

import struct
from collections.abc import Callable, Container, Mapping
from typing import Any

from epolltop.bcc.program import Program
from epolltop.model.batch import Census, ProcessKey
from epolltop.sources.bpf.probes.spec import KernelTable, MapEntry

_ONE = struct.Struct("=Q")


class CounterMap:
    """Implements TableReader: deletes the entries of processes that have ended."""

    def __init__(self, program: Program, table: KernelTable, has_ended: Callable[[ProcessKey], bool]) -> None:
        self._table, self._has_ended = table, has_ended
        self._program = program
        self._map = program.table(table.map, table.key.layout, table.value.layout)
        self._entries: list[MapEntry] = []
        self._gone: dict[tuple[int, ...], tuple[int, ...]] = {}

    def read(self, _census: Census | None) -> None:
        self._entries = list(self._map.items())

    def refused(self) -> int:
        return self._program.element(self._table.refused, _ONE)[0] if self._table.refused else 0

    def processes(self) -> set[ProcessKey]:
        return {self._table.process_of(key) for key, _ in self._entries}

    def members(self, alive: Container[ProcessKey]) -> Mapping[str, Mapping[Any, Any]]:
        freed = self._forget_the_gone(alive)  # what is missing once is counted anew when it comes back
        records = self._table.decode(entry for entry in self._entries if entry[0] not in freed)
        return {self._table.member: records}

    def _forget_the_gone(self, alive: Container[ProcessKey]) -> set[tuple[int, ...]]:
        """Deletes the entries of processes that were gone a poll ago and have done nothing since.

        If a process acted while its entry is deleted, that would be in no count: so it must have ended. A census may
        hold what the process released last, but none is under way.

        Returns:
            Keys of what was deleted.
        """
        gone = {key: value for key, value in self._entries if self._table.process_of(key) not in alive}
        quiet = {
            key
            for key, value in gone.items()
            if self._gone.get(key) == value and self._has_ended(self._table.process_of(key))
        }
        for key in quiet:
            self._map.delete(self._table.key.layout.pack(*key))
            del gone[key]
        self._gone = gone
        return quiet
