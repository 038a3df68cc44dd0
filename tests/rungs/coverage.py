"""What a rung sees, as data; comparisons ask this, and never which rung it is."""

from __future__ import annotations

from dataclasses import dataclass

from epolltop.model.process import ProcessKey

from .files import Call, Failed, File, Process
from .oracle import Oracle

Place = tuple[ProcessKey, int]
"""A descriptor of a process."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What a rung sees; the rest it misses, and must say so."""

    creations: bool = True
    """When they happen. Otherwise instances are found."""
    compat: bool = True
    """Those of 32-bit calls, too."""
    refused: bool = True
    """A call that a seccomp filter refuses, too."""
    releases: bool = True
    """When they happen. Otherwise instances are gone, some of them unnoticed."""
    tables: bool = True
    """Those of all threads. Otherwise of each process that of its first: the leader, or who outlived it."""
    addresses: bool = True
    """The census names instances as events do. Otherwise by the places in which it saw them."""
    waits: bool = True
    """Of threads on instances. Otherwise nothing is told of loops."""
    entries: bool = True
    """Of waits, before the kernel works out when they are over. Otherwise one of a thread that stops in between seems
    shorter than its timeout."""
    changes: bool = True
    """Of interest lists; of a request for io_uring not what came of it. Otherwise nothing is told of them."""
    limit: str = ""
    """The id of one that it says about itself."""

    def traces(self, call: Call) -> bool:
        """Whether it sees an instance being created by such a call."""
        return self.creations and (self.compat or not call.compat)

    def sees(self, failure: Failed) -> bool:
        """Whether it sees a call fail."""
        return self.traces(failure.call) and (self.refused or not failure.refused)

    def places(self, oracle: Oracle, file: File) -> set[Place]:
        """Where its census sees an instance."""
        return {
            (key_of(process), fd)
            for process in oracle.processes
            for thread in (process.threads if self.tables else process.threads[:1])
            for fd, slot in thread.table.slots.items()
            if slot.file is file
        }


def key_of(process: Process) -> ProcessKey:
    """A process of the oracle, as epolltop names it."""
    return ProcessKey(process.pid, process.start)


def keys_of(oracle: Oracle) -> set[ProcessKey]:
    """All processes of a run, those that have ended, too."""
    return {*map(key_of, oracle.processes), *map(key_of, oracle.past)}
