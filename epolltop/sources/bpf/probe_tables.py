"""All that the probes count, read once a poll: each probe's tables, or what stands in for them."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from typing import Any

from epolltop.bcc.program import Program
from epolltop.model import limits
from epolltop.model.holding import Census
from epolltop.model.limits import Limit
from epolltop.model.process import ProcessKey
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf.attachments import Attachments
from epolltop.sources.bpf.counter_map import CounterMap
from epolltop.sources.bpf.probes import PROBES
from epolltop.sources.bpf.probes.spec import ProbeSpec
from epolltop.sources.bpf.table_reader import TableReader


class ProbeTables:
    """The readers of all probes."""

    def __init__(self, program: Program, attachments: Attachments, procfs: Procfs) -> None:
        """Reads nothing yet."""
        unhooked = [probe for probe in PROBES if not attachments.traces(probe.name)]
        self._readers = [(probe.name, made(procfs)) for probe in unhooked for made in probe.stand_ins]
        self._readers += [
            (probe.name, reader)
            for probe in PROBES
            if probe not in unhooked
            for reader in _readers(program, probe, procfs)
        ]

    def read(self, census: Census | None) -> None:
        """Takes in the maps as they are now.

        Args:
            census: the one of this poll; None if none was taken.
        """
        for _, reader in self._readers:
            reader.read(census)

    def processes(self) -> set[ProcessKey]:
        """The processes that acted, according to what was read."""
        return {key for _, reader in self._readers for key in reader.processes()}

    def members(self, alive: Container[ProcessKey]) -> dict[str, Any]:
        """Members of the batch by name; forgets what is over."""
        found: dict[str, Any] = {}
        for _, reader in self._readers:
            found |= reader.members(alive)
        return found

    def limits(self) -> Iterator[Limit]:
        """What is in no count."""
        refusals = ((name, reader.refused()) for name, reader in self._readers)
        yield from (Limit.of(limits.TABLE_FULL, probe=name, refused=number) for name, number in refusals if number)
        yield from itertools.chain.from_iterable(reader.limits() for _, reader in self._readers)


def _readers(program: Program, probe: ProbeSpec, procfs: Procfs) -> list[TableReader]:
    tables = [CounterMap(program, table, procfs.has_ended) for table in probe.tables]
    return [*tables, *(reader(program, procfs) for reader in probe.readers)]
