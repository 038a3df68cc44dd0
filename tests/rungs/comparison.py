"""What an observation tells, held against the oracle; what a rung does not see is expected as exactly that.

Comparisons are generators of differences, each a sentence. They run in one order, because each takes from what was told
and learns ids for the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from epolltop.model.snapshot import Snapshot

from . import calls, interest, loops
from .coverage import key_of
from .descriptions import event_in_words
from .files import Process
from .guest import IN_GUEST
from .holdings import Holdings
from .ids import Ids
from .oracle import Oracle
from .releases import Releases
from .reported import Disturbed, Reported, Watcher

_SHOWN_MAX = 20
"""Differences that are printed: one mistake makes many."""


class Differs(AssertionError):
    """What is told is not what happened; the message has the differences."""


class Comparison:
    """Of one run. Each look compares what happened since the last one, and what there is."""

    def __init__(self, watcher: Watcher, oracle: Oracle, collector: Process) -> None:
        """Collector: the process that closes sockets to wake the kernel's collector."""
        self._coverage = watcher.rung.coverage
        self._oracle = oracle
        self._since = 0, 0, 0
        self._ids = Ids()
        self._told = Reported(watcher, oracle)
        self._began = self._told.totals
        self._holdings = Holdings(self._coverage, oracle, self._told, self._ids)
        self._releases = Releases(self._coverage, oracle, self._told, self._ids, collector)

    def look(self) -> None:
        """Compares.

        Raises:
            Differs: something does.
            Disturbed: see there.
        """
        snapshot = self._told.hear()
        differences = list(self._differences(snapshot))
        said = list(self._said(snapshot))
        if differences and not said and (left_out := self._told.left_out):
            raise Disturbed(f"the kernel left out {left_out} runs of probes, and perhaps: {differences[0]}")
        differences += said
        if differences:
            head = f"epolltop differs from what happened in {len(differences)} ways; the first {_SHOWN_MAX} at most:"
            raise Differs("\n- ".join([head, *differences[:_SHOWN_MAX]]))

    def _differences(self, snapshot: Snapshot) -> Iterator[str]:
        created, failed, released = self._since
        self._since = len(self._oracle.created), len(self._oracle.failed), len(self._oracle.released)
        creations, ended = self._oracle.created[created:], self._oracle.released[released:]
        yield from calls.creations(creations, self._coverage, self._told, self._ids)
        yield from calls.failures(self._oracle.failed[failed:], self._coverage, self._told)
        awaited = self._releases.awaited(ended)
        if not awaited <= self._told.ends.keys():
            snapshot = self._told.hear(awaited)
        traced = [creation for creation in creations if creation.file in self._ids.creations]
        yield from self._holdings.compare(snapshot, traced)
        yield from self._releases.compare(ended)
        yield from (f"nobody did what is told: {event_in_words(event)}" for event in self._told.take_rest())
        yield from self._counts(snapshot)
        yield from loops.compare(snapshot, self._told, self._oracle, self._coverage, self._ids)
        yield from interest.compare(self._told, self._oracle, self._coverage, self._ids)
        if snapshot.totals.released_by_kernel != self._told.released_by_kernel:
            counted = snapshot.totals.released_by_kernel
            yield f"the kernel released {self._told.released_by_kernel} by events, counted are {counted}"

    def _counts(self, snapshot: Snapshot) -> Iterator[str]:
        """Creations and failures are counted as they happened, releases as they were charged, and nothing is missing.

        A rung without creations or without releases counts what it found, or what was gone.
        """
        rows = {row.key: row for row in snapshot.processes}
        created = Counter(key_of(each.by) for each in self._oracle.created if self._coverage.traces(each.call))
        failed = Counter(key_of(each.by) for each in self._oracle.failed if self._coverage.sees(each))
        began = created if self._coverage.creations else self._holdings.found
        ended = self._releases.charged if self._coverage.releases else self._holdings.gone
        for process in (*self._oracle.processes, *self._oracle.past):
            key = key_of(process)
            row = rows.get(key)
            told = (row.created, row.failed, row.released, row.sampled_out) if row else (0, 0, 0, 0)
            if told != (began[key], failed[key], ended[key], 0):
                expected = began[key], failed[key], ended[key]
                yield f"{process} created, failed, released {expected}, sampled out 0; told are {told}"
        if IN_GUEST and self._coverage.creations and self._coverage.releases:
            yield from self._totals(snapshot, sum(created.values()), sum(failed.values()))

    def _totals(self, snapshot: Snapshot, created: int, failed: int) -> Iterator[str]:
        """Of the machine: in a guest nobody else does anything."""
        before, now = self._began, snapshot.totals
        by_kernel = now.released_by_kernel - before.released_by_kernel
        expected = created, failed, sum(self._releases.charged.values()) + by_kernel
        told = now.created - before.created, now.failed - before.failed, now.released - before.released
        if told != expected:
            yield f"the machine created, failed, released {expected}; told are {told}"

    def _said(self, snapshot: Snapshot) -> Iterator[str]:
        """It says what it cannot see; whatever was left out."""
        if self._coverage.creations and snapshot.source.sees_compat != self._coverage.compat:
            yield f"32-bit tasks are said to be {'seen' if snapshot.source.sees_compat else 'unseen'}"
        if self._coverage.limit and self._coverage.limit not in {limit.id for limit in snapshot.source.limits}:
            yield f"{self._coverage.limit} is not said"
