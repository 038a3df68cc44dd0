"""The census by iterator: which process has which descriptor for which instance, healing whatever probes missed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from epolltop.model.batch import Census, Holding
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.program import Program

SHARE = 0.05
"""Of one core at most: on a machine with 100,000 descriptors a pass takes 0.1 s, so the next one waits 2 s."""


class IteratorCensus:
    """Reads the task_file iterator, as often as its own cost allows."""

    by = "iterator:task_file"

    def __init__(self, program: Program) -> None:
        """Loads the iterator.

        Raises:
            AttachError: the kernel refused it.
        """
        self._read = program.iterator("bpf_iter__task_file")
        self._last = b""
        self._holdings: Sequence[Holding] = ()
        self._due_ns = 0

    def take(self) -> Census | None:
        """A census, or None if it is not due."""
        started_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        if started_ns < self._due_ns:
            return None
        raw = self._read()
        if raw != self._last:
            self._last, self._holdings = raw, wire.decode_census(raw)
        ended_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self._due_ns = ended_ns + int((ended_ns - started_ns) / SHARE)
        return Census(started_ns, self._holdings)
