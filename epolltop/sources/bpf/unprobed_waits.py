"""What stands in where the probe epoll_wait has no hook: threads that /proc shows waiting on what the census shows."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from epolltop.model.holding import Census, Holding
from epolltop.model.limits import Limit
from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf.held_places import HeldPlaces
from epolltop.sources.bpf.table_reader import TableReader
from epolltop.sources.seen_waits import SeenWaits


class UnprobedWaits(TableReader):
    """Threads that wait."""

    def __init__(self, procfs: Procfs) -> None:
        self._places = HeldPlaces()
        self._waits = SeenWaits(procfs, self._places.instance)
        self._holdings: Sequence[Holding] = ()
        self._holders: frozenset[ProcessKey] = frozenset()

    def read(self, census: Census | None) -> None:
        if census is not None and census.holdings is not self._holdings:
            self._holdings = census.holdings
            self._places.take(census.holdings)
            self._holders = frozenset(ProcessKey(each.pid, each.start) for each in census.holdings)
        self._waits.look(self._holders)

    def members(self, alive: Container[ProcessKey]) -> Mapping[str, Mapping[Any, Any]]:
        return self._waits.members()

    def limits(self) -> Iterator[Limit]:
        return self._waits.limits()
