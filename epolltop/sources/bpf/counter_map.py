"""A table that a probe fills, from start to end of an observation."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from epolltop.bcc.program import Program
from epolltop.model.holding import Census
from epolltop.model.process import ProcessKey
from epolltop.sources.bpf.live_instance_map import live_instances
from epolltop.sources.bpf.probes.spec import KernelTable, MapEntry
from epolltop.sources.bpf.table_reader import TableReader
from epolltop.sources.bpf.wire import NUMBER


class CounterMap(TableReader):
    """Deletes the entries of processes that have ended, and of instances for want of room."""

    def __init__(self, program: Program, table: KernelTable, has_ended: Callable[[ProcessKey], bool]) -> None:
        self._table, self._has_ended = table, has_ended
        self._program = program
        self._map = program.table(table.map, table.key.layout, table.value.layout)
        self._live_instances = live_instances(program)
        self._entries: list[MapEntry] = []
        self._gone: dict[tuple[int, ...], tuple[int, ...]] = {}

    def read(self, census: Census | None) -> None:
        self._entries = list(self._map.items())

    def refused(self) -> int:
        return self._program.element(self._table.refused, NUMBER)[0] if self._table.refused else 0

    def processes(self) -> set[ProcessKey]:
        return {self._table.process_of(key) for key, _ in self._entries}

    def members(self, alive: Container[ProcessKey]) -> Mapping[str, Mapping[Any, Any]]:
        freed = self._forget_the_gone(alive)  # an entry that comes back is counted from 0 on
        records = self._table.decode(entry for entry in self._entries if entry[0] not in freed)
        return {self._table.member: records}

    def _forget_the_gone(self, alive: Container[ProcessKey]) -> set[tuple[int, ...]]:
        """Deletes the entries of processes and instances that were gone at the last poll and have not acted since.

        If a process acted while its entry is deleted, that would be in no count: so it must have ended. A census may
        hold what the process released last, but none is under way.

        Returns:
            Keys of the deleted entries.
        """
        released = self._of_released_instances()
        gone = {
            key: value for key, value in self._entries if key in released or self._table.process_of(key) not in alive
        }
        quiet = {
            key
            for key, value in gone.items()
            if self._gone.get(key) == value and (key in released or self._has_ended(self._table.process_of(key)))
        }
        for key in quiet:
            self._map.delete(self._table.key.layout.pack(*key))
            del gone[key]
        self._gone = gone
        return quiet

    def _of_released_instances(self) -> set[tuple[int, ...]]:
        """Keys of instances that were created during the trace and have been released.

        Called only when the map is half full, because it reads all live instances: 20 ms for 100,000.
        """
        instance_of = self._table.instance_of
        if instance_of is None or len(self._entries) <= self._map.max_entries // 2:
            return set()
        live = {(file, noted[0]) for (file,), noted in self._live_instances.items()}
        about = ((key, instance_of(key)) for key, _ in self._entries)
        return {key for key, instance in about if instance[1] and instance not in live}
