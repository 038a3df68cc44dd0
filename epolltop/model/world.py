"""The reducer: applies batches, live or recorded, and makes frozen snapshots.

Counts run from the start; rates are computed since a window's mark. A live view sets a mark every tick; a report on a
whole observation sets one mark, at its start.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from epolltop.model.batch import TABLES, Batch
from epolltop.model.completeness import Completeness
from epolltop.model.copied import copied
from epolltop.model.counts import Totals
from epolltop.model.ctl import errors_by_key, renewed
from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.derived_counts import DerivedCounts
from epolltop.model.event import Event
from epolltop.model.growth import Levelled, Levels
from epolltop.model.instance import Instance
from epolltop.model.instances import Instances
from epolltop.model.journal import Journal
from epolltop.model.known_processes import KnownProcesses
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loops import Loops
from epolltop.model.loops_window import LoopsMark
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import NO_LOOPS, ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.process_selection import Selection
from epolltop.model.rates import rate
from epolltop.model.rows import Evidence, row_of
from epolltop.model.selected_totals import selected_totals
from epolltop.model.snapshot import CtlError, Snapshot
from epolltop.model.tally import Tallies
from epolltop.model.unseen import Unseen
from epolltop.model.window import Mark, Window

JOURNAL = 10_000
"""Events kept for looking back."""
PART = 1024
"""Events that are taken in at once. A source may make them as they are asked for, and a flood is large."""


class World:
    """Everything known. Not thread-safe; its snapshots are immutable and may go anywhere."""

    def __init__(self, selection: Selection | None = None) -> None:
        """Knows nothing yet.

        Args:
            selection: which processes count.
        """
        self._processes = KnownProcesses(selection or Selection())
        self.windows: list[Window] = []
        """The windows of all listeners."""
        self._instances = Instances()
        self._held: dict[ProcessKey, tuple[Instance, ...]] = {}
        self._tallies = Tallies()
        self._loops = Loops()
        self._ctl: Mapping[CtlKey, CtlCounts] = {}
        self._ctl_errors: Mapping[CtlKey, Mapping[CtlError, int]] = {}
        self._completeness = Completeness()
        self._unseen = Unseen()
        self._derived = DerivedCounts()
        self._levelled = Levelled()
        self._journal = Journal(JOURNAL)
        self._journal_end = 0
        self._missing = (0, 0)  # events missing so far, at the last two censuses
        self._batch: Batch | None = None
        self._cpu_ns: int | None = None  # own CPU time at the first batch

    def copy(self) -> World:
        """An independent world with the same state, with windows of its own in the same order."""
        return copied(self)

    def journal_since(self, number: int) -> Sequence[Event]:
        """The events from a number on that the journal still has, oldest first."""
        return self._journal[max(0, len(self._journal) - (self._journal_end - number)) :]

    def replace_journal(self, events: Iterable[Event]) -> None:
        """Other events in place of the journal's; their numbers end where its own did."""
        self._journal = Journal(JOURNAL).followed_by(events)

    @property
    def journal_end(self) -> int:
        """How many events were ever journalled."""
        return self._journal_end

    def apply(self, batch: Batch) -> None:
        """Takes in one batch; batches come in order."""
        journalled = self._journal_end
        self._batch = replace(batch, events=(), census=None)  # a flood of events would stay till the next is read
        if self._cpu_ns is None:
            self._cpu_ns = batch.cost.cpu_ns
        gone = self._processes.apply(batch)
        for at in range(0, len(batch.events), PART):
            told = [self._instances.apply_event(event) for event in batch.events[at : at + PART]]
            self._unseen.hear(batch, told)
            self._note(told)
        if batch.census is not None:
            source = batch.source
            missing = source.lost + source.untold_releases + source.missed
            traced = source.sees("released") and source.sees_all_releases
            release_told = missing == self._missing[0] and traced
            self._missing = (self._missing[1], missing)
            inferred = self._instances.apply_census(batch.census, release_told=release_told, release_traced=traced)
            self._derived.look(source, inferred)
            self._unseen.look(batch, batch.census, inferred)
            self._note(inferred)
        for window in self.windows:
            window.limit(self._journal_end - journalled)
        for file, watches in batch.watches.items():
            self._instances.apply_watches(file, watches)
        for file, interest in batch.interest.items():
            self._instances.apply_interest(file, interest)
        rises = self._tallies.apply(batch)
        self._completeness.apply(batch, self._processes.facts, self._processes.covers)
        self._derived.complete(batch.source, self._tallies["counts"])
        windows = [window.loops for window in self.windows]
        self._loops.apply(batch, rises["loops"], windows, self._instances.live.changed | gone)
        self._forget_loops(self._loops.crowded_out())
        self._ctl = renewed(self._ctl, batch.ctl)
        self._ctl_errors = renewed(self._ctl_errors, errors_by_key(batch.ctl_errors))
        holders = self._instances.live.holders()
        self._processes.let_go(gone, holders, self._tallies.__contains__)
        # Processes absent from the last snapshot that hold nothing now have not changed.
        self._instances.live.changed = {
            key for key in self._instances.live.changed if key in holders or key in self._held
        }
        if self._levelled.is_due(batch.now_ns) and not (self._instances.cut or self._instances.crowded):
            self._levelled.look(batch.now_ns, holders, self._processes.alive, self._levels)

    def open_window(self, *, tell_all: bool = False) -> Window:
        """A new window on this world; its rates run from the start until it is marked.

        Args:
            tell_all: its snapshots carry every event since the one before, not only what the journal keeps.
        """
        self.windows.append(Window(tell_all))
        return self.windows[-1]

    def close_window(self, window: Window) -> None:
        """Closes a window."""
        self.windows = [other for other in self.windows if other is not window]

    def mark(self, window: Window) -> Mark:
        """Begins a window anew here, and forgets processes that are gone and in no window any more."""
        batch = self._require_batch()
        counted = (table.process_of(key) for name, table in TABLES.items() for key in getattr(batch, name))
        present = {*counted, *self._instances.live.holders(), *self._processes.alive}
        if window.mark is not None:
            since, window_s = window.mark.counts, _elapsed_s(batch, window.mark)
            window.history.close(lambda kept: self._tallies.rates(*kept, since, window_s), present)
        others = [other for other in self.windows if other is not window]
        self._forget(present, others)
        marks = [(other.mark or self.begin()).loops for other in others]
        self._forget_loops(self._loops.unseen(marks))
        window.loops.longest = {}
        window.mark = Mark(batch.now_ns, self._tallies.marked(), self._totals(), batch.cost.cpu_ns, self._loops.known)
        return window.mark

    def begin(self) -> Mark:
        """The mark of the start of counting."""
        began_ns = self._require_batch().since_ns
        return Mark(began_ns, {}, Totals(), self._cpu_ns, LoopsMark(began_ns))

    def freeze(self, window: Window, since: Mark | None = None) -> Snapshot:
        """The present state. Unchanged parts are the same objects as in the window's last snapshot.

        Args:
            window: the window of the caller.
            since: start of the rates; None: the window's mark.
        """
        batch, since = self._require_batch(), since or window.mark or self.begin()
        window_s = _elapsed_s(batch, since)
        self._gather()
        listed = self._listed(since)
        live, is_complete = self._instances.live.by_file, self._instances.is_complete
        loops = self._loops.rows(listed, window.loops, since.loops, live, is_complete=is_complete)
        window.shown = {key: self._row(key, window, since, window_s, loops.get(key, NO_LOOPS)) for key in listed}
        rows = tuple(row for _, row in window.shown.values())
        if len(rows) == len(window.rows) and all(map(operator.is_, rows, window.rows)):
            rows = window.rows
        window.rows = rows
        totals = self._totals()
        news = window.take_news()
        everything = self._processes.selection.is_all
        unseen = self._unseen.number(self._processes.covers)
        beside = self._processes.named_beside(window.shown)
        return Snapshot(
            now_ns=batch.now_ns,
            wall_ns=batch.wall_ns,
            observed_s=(batch.now_ns - batch.since_ns) / 1e9,
            window_s=window_s,
            source=batch.source,
            totals=totals,
            open=len(self._instances.live.by_file)
            if everything
            else len({instance.file for row in rows for instance in row.instances}),
            unheld=self._instances.live.unheld_instances() if everything else (),
            create_per_s=rate(totals.created - since.totals.created, window_s),
            release_per_s=rate(totals.released - since.totals.released, window_s),
            processes=rows,
            journal=self._journal,
            journal_end=self._journal_end,
            news=news,
            dropped=window.dropped,
            cost=batch.cost,
            cpu_share=rate(batch.cost.cpu_ns - (since.cpu_ns or 0), window_s) / 1e9 if since.cpu_ns else 0.0,
            lacking=self._completeness.totals_lack
            or unseen > 0
            or (bool(batch.source.unattributed) and not everything),
            unseen=unseen,
            partly_listed=bool(self._instances.cut or self._instances.crowded or batch.source.unreadable),
            absent=self._processes.absent(row.key for row in rows),
            without_instance=tuple(self._row(key, window, since, window_s, NO_LOOPS)[1] for key in beside),
            ctl=self._ctl,
            ctl_errors=self._ctl_errors,
            looked_ns=self._instances.looked_ns,
        )

    def held(self) -> tuple[Instance, ...]:
        """The instances that selected processes hold, each once, in the order of the processes."""
        holders = sorted(key for key in self._instances.live.holders() if self._processes.covers(key))
        return tuple({one.file: one for key in holders for one in self._instances.live.of(key)}.values())

    def _forget(self, present: Collection[ProcessKey], others: Sequence[Window]) -> None:
        """Processes that are gone, except those whose activity another window may still show."""
        gone = self._tallies.processes().difference(present)
        acted = (self._tallies.acted(other.mark.counts if other.mark else {}) for other in others)
        shown = gone.intersection(set().union(*acted))
        kept, forgotten = {*present, *shown}, gone - shown
        for other in others:
            other.mark = other.mark and other.mark.without(forgotten)
        self._tallies.forget(forgotten, self._processes.covers)
        self._completeness.keep(kept)
        self._unseen.keep(kept, self._processes.covers)
        self._processes.keep(kept)
        self._derived.keep(kept)

    def _forget_loops(self, keys: Collection[LoopKey]) -> None:
        """In all windows."""
        if keys:
            self._loops.forget(keys, [window.loops for window in self.windows])
            for window in self.windows:
                window.mark = window.mark and window.mark.without_loops(keys)

    def _require_batch(self) -> Batch:
        assert self._batch is not None, "nothing applied yet"
        return self._batch

    def _note(self, events: Sequence[Event]) -> None:
        noted = self._processes.selected(events)
        self._journal = self._journal.followed_by(noted)
        self._journal_end += len(noted)
        for window in self.windows:
            window.hear(noted)

    def _levels(self, key: ProcessKey) -> Levels:
        facts = self._processes.facts.get(key)
        return Levels(len(self._instances.live.files_of(key)), facts.fds if facts else None)

    def _totals(self) -> Totals:
        return selected_totals(self._require_batch(), self._tallies["counts"], self._processes)

    def _gather(self) -> None:
        """The instances of each process whose holdings changed since the last snapshot."""
        for key in self._instances.live.changed:
            before, now = self._held.get(key, ()), self._instances.live.of(key)
            if not now:
                self._held.pop(key, None)
            elif now != before:  # not if what came went, too
                self._held[key] = now
        self._instances.live.changed.clear()

    def _listed(self, since: Mark) -> list[ProcessKey]:
        acted = self._tallies.acted(since.counts)
        return sorted(key for key in {*self._instances.live.holders(), *acted} if self._processes.covers(key))

    def _row(
        self, key: ProcessKey, window: Window, since: Mark, window_s: float, loops: ProcessLoops
    ) -> tuple[Evidence, ProcessRow]:
        counted = self._tallies.counted(key, since.counts, window_s)
        partly_listed = key in self._instances.cut or self._instances.crowded
        known = Evidence(
            self._processes.facts.get(key),
            self._processes.exited_actors.get(key),
            self._processes.uid(key),
            self._processes.user(key),
            key not in self._processes.alive,
            counted,
            window.history.of(key, counted),
            self._held.get(key, ()),
            self._completeness.may_lack(key) or self._unseen.of(key),
            partly_listed,
            None if partly_listed else self._levelled.of(key, self._require_batch().now_ns, self._levels(key)),
            loops,
            self._require_batch().descriptors.get(key),
            self._require_batch().thread_waits.get(key),
        )
        shown = window.shown.get(key)
        return shown if shown and shown[0] == known else (known, row_of(key, known))


def _elapsed_s(batch: Batch, since: Mark) -> float:
    return (batch.now_ns - since.now_ns) / 1e9
