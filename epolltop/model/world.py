"""The reducer: applies batches, live or recorded, and freezes what it knows into snapshots.

Counts run since the start; rates are taken since a mark. A live view marks every tick; one that reports on a whole
observation marks once, at its start.
"""

from __future__ import annotations

import collections
import copy
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from epolltop.model.batch import NS_PER_TICK, Batch, Counts, Event, Kind, Process, ProcessKey, Totals
from epolltop.model.instances import Instances
from epolltop.model.snapshot import Instance, ProcessRow, Snapshot

JOURNAL = 10_000
"""Events kept for looking back."""
HISTORY = 60
"""Ticks of creation rates kept for each process."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which processes count; empty sets select all."""

    pids: frozenset[int] = frozenset()
    uids: frozenset[int] = frozenset()

    def covers(self, pid: int, uid: int | None) -> bool:
        """Whether a process belongs to it."""
        return (not self.pids or pid in self.pids) and (not self.uids or uid in self.uids)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a window begins."""

    now_ns: int
    counts: Mapping[ProcessKey, Counts]
    totals: Totals
    cpu_ns: int | None


class World:
    """Everything known. Not thread-safe; its snapshots are immutable and may go anywhere."""

    def __init__(self, selection: Selection | None = None, *, tell_all: bool = False) -> None:
        """Knows nothing yet.

        Args:
            selection: which processes count.
            tell_all: each snapshot carries every event since the one before, not only what the journal keeps.
        """
        self._selection = selection or Selection()
        self._tell_all = tell_all
        self._instances = Instances()
        self._rows: dict[ProcessKey, tuple[Instance, ...]] = {}
        self._facts: dict[ProcessKey, Process] = {}
        self._alive: Mapping[ProcessKey, Process] = {}
        self._strangers: dict[ProcessKey, Event] = {}  # gone before /proc was asked: their last event speaks for them
        self._counts: dict[ProcessKey, Counts] = {}
        self._derived: collections.Counter[tuple[ProcessKey, Kind]] = collections.Counter()
        self._past = Totals()  # of selected processes that are no longer kept
        self._history: dict[ProcessKey, collections.deque[float]] = {}
        self._journal: collections.deque[Event] = collections.deque(maxlen=JOURNAL)
        self._journal_end = 0
        self._news: list[Event] = []
        self._missing: list[int] = [0, 0]  # events missing so far, at the last two censuses
        self._counted_ns = 0
        self._batch: Batch | None = None

    def copy(self) -> World:
        """What is known, to go on with separately; records are shared, since nobody changes them."""
        twin = copy.copy(self)
        twin._instances = self._instances.copy()
        twin._rows, twin._facts, twin._strangers = dict(self._rows), dict(self._facts), dict(self._strangers)
        twin._counts, twin._derived = dict(self._counts), self._derived.copy()
        twin._history = {key: history.copy() for key, history in self._history.items()}
        twin._journal, twin._news, twin._missing = self._journal.copy(), list(self._news), list(self._missing)
        return twin

    def journal_since(self, number: int) -> list[Event]:
        """The events from a number on that the journal still has, oldest first."""
        return list(itertools.islice(self._journal, max(0, len(self._journal) - (self._journal_end - number)), None))

    def replace_journal(self, events: Iterable[Event]) -> None:
        """Other events in place of the journal's; their numbers end where its own did."""
        self._journal = collections.deque(events, maxlen=JOURNAL)

    @property
    def journal_end(self) -> int:
        """How many events were ever journalled."""
        return self._journal_end

    def apply(self, batch: Batch) -> None:
        """Takes in one batch; batches come in order."""
        self._batch = batch
        self._alive = batch.processes
        self._facts.update(batch.processes)
        for event in batch.events:
            self._note(self._instances.apply_event(event))
        if batch.census is not None:
            source = batch.source
            missing = source.lost + source.overflowed + source.untold_releases
            told = missing == self._missing[0] and all(probe.traces for probe in source.probes)
            self._missing = [self._missing[1], missing]
            for event in self._instances.apply_census(batch.census, release_told=told):
                self._derived[event.process, event.kind] += 1
                self._note(event)
        for file, watches in batch.watches.items():
            self._instances.apply_watches(file, watches)
        self._count(batch)

    def mark(self) -> Mark:
        """Begins a window here, and forgets processes that were gone before it."""
        batch = self._require_batch()
        kept = {*batch.counts, *self._instances.holders(), *self._alive}
        for key in [key for key in self._counts if key not in kept]:
            gone = self._counts.pop(key)
            if self._covers(key):
                self._past = _sum(self._past, gone)
        for known in (self._facts, self._strangers, self._history):
            for key in [key for key in known if key not in kept and key not in self._counts]:
                del known[key]
        for probed in [probed for probed in self._derived if probed[0] not in kept]:
            del self._derived[probed]
        return Mark(batch.now_ns, dict(self._counts), self._totals(), batch.cost.cpu_ns)

    def begin(self) -> Mark:
        """The mark of the start of counting."""
        return Mark(self._require_batch().since_ns, {}, Totals(), None)

    def freeze(self, since: Mark) -> Snapshot:
        """What is known now, with rates since the mark."""
        batch = self._require_batch()
        window_s = (batch.now_ns - since.now_ns) / 1e9
        for key in self._instances.changed:
            self._rows.pop(key, None)
        self._instances.changed.clear()
        rows = tuple(self._row(key, since, window_s) for key in self._listed(since))
        totals = self._totals()
        news, self._news = tuple(self._news), []
        everything = not (self._selection.pids or self._selection.uids)
        return Snapshot(
            now_ns=batch.now_ns,
            wall_ns=batch.wall_ns,
            observed_s=(batch.now_ns - batch.since_ns) / 1e9,
            window_s=window_s,
            source=batch.source,
            totals=totals,
            open=len(self._instances.live)
            if everything
            else len({instance.file for row in rows for instance in row.instances}),
            unheld=tuple(instance for instance in self._instances.live.values() if not instance.holders)
            if everything
            else (),
            create_per_s=_rate(totals.created - since.totals.created, window_s),
            release_per_s=_rate(totals.released - since.totals.released, window_s),
            processes=rows,
            journal=tuple(self._journal),
            journal_end=self._journal_end,
            news=news,
            cost=batch.cost,
            cpu_share=_rate(batch.cost.cpu_ns - (since.cpu_ns or 0), window_s) / 1e9 if since.cpu_ns else 0.0,
        )

    def _require_batch(self) -> Batch:
        assert self._batch is not None, "nothing applied yet"
        return self._batch

    def _note(self, event: Event) -> None:
        if not self._selection.covers(event.pid, self._uid(event.process, event.uid)):
            return
        self._journal.append(event)
        if self._tell_all:
            self._news.append(event)
        self._journal_end += 1
        if event.process not in self._facts and event.name:
            self._strangers[event.process] = event

    def _count(self, batch: Batch) -> None:
        before = dict(self._counts)
        self._counts.update(batch.counts)
        if not batch.source.exact:
            self._count_derived(batch)
        window_s = (batch.now_ns - self._counted_ns) / 1e9 if self._counted_ns else 0.0
        self._counted_ns = batch.now_ns
        for key in {*self._history, *self._counts, *self._instances.holders()}:
            created = self._counts.get(key, Counts()).created - before.get(key, Counts()).created
            history = self._history.get(key)
            if history is None:
                history = self._history[key] = collections.deque(maxlen=HISTORY)
            history.append(_rate(created, window_s))

    def _count_derived(self, batch: Batch) -> None:
        """Where no probe fires, a change between two censuses counts: a lower bound."""
        for key in {process for process, _ in self._derived}:
            counts = self._counts.get(key, Counts())
            for name, kind in (("created", Kind.FOUND), ("released", Kind.GONE)):
                if not _traces(batch, name):
                    counts = counts._replace(**{name: self._derived[key, kind]})
            self._counts[key] = counts

    def _totals(self) -> Totals:
        batch = self._require_batch()
        if not (self._selection.pids or self._selection.uids) and batch.source.exact:
            return batch.totals
        totals = self._past
        for key, counts in self._counts.items():
            if self._covers(key):
                totals = _sum(totals, counts)
        return totals

    def _covers(self, key: ProcessKey) -> bool:
        return self._selection.covers(key.pid, self._uid(key, None))

    def _uid(self, key: ProcessKey, acted_as: int | None) -> int | None:
        facts = self._facts.get(key)
        stranger = self._strangers.get(key)
        return facts.uid if facts else acted_as if acted_as is not None else stranger.uid if stranger else None

    def _listed(self, since: Mark) -> list[ProcessKey]:
        acted = [key for key, counts in self._counts.items() if counts != since.counts.get(key, Counts())]
        return sorted(key for key in {*self._instances.holders(), *acted} if self._covers(key))

    def _row(self, key: ProcessKey, since: Mark, window_s: float) -> ProcessRow:
        facts, stranger = self._facts.get(key), self._strangers.get(key)
        instances = self._rows.get(key)
        if instances is None:
            instances = self._instances.of(key)
            if instances:
                self._rows[key] = instances
        counts = self._counts.get(key, Counts())
        before = since.counts.get(key, Counts())
        name = facts.name if facts else stranger.name if stranger else ""
        return ProcessRow(
            key=key,
            ppid=facts.ppid if facts else stranger.ppid if stranger else None,
            name=name,
            command=facts.command if facts else f"[{name}]",
            uid=self._uid(key, None),
            user=facts.user if facts else None,
            cgroup=facts.cgroup if facts else None,
            fds=facts.fds if facts else None,
            fd_limit=facts.fd_limit if facts else None,
            started_ns=key.start * NS_PER_TICK if key.start else None,
            ended=key not in self._alive,
            created=counts.created,
            released=counts.released,
            failed=counts.failed,
            sampled_out=counts.sampled_out,
            create_per_s=_rate(counts.created - before.created, window_s),
            release_per_s=_rate(counts.released - before.released, window_s),
            history=tuple(self._history.get(key, ())),
            instances=instances,
        )


def _traces(batch: Batch, count: str) -> bool:
    """Whether the probe behind a count fires, by the names that all sources give their probes."""
    probe = {"created": "epoll_create", "released": "files_free"}[count]
    return any(candidate.name == probe and candidate.traces for candidate in batch.source.probes)


def _rate(difference: float, window_s: float) -> float:
    return difference / window_s if window_s > 0 else 0.0


def _sum(totals: Totals, counts: Counts) -> Totals:
    return totals._replace(
        created=totals.created + counts.created,
        failed=totals.failed + counts.failed,
        released=totals.released + counts.released,
    )
