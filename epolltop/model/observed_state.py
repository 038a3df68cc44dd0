"""Everything that batches told, reduced: the state of a world, whoever looks at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from epolltop.model.batch import TABLES, Batch
from epolltop.model.completeness import Completeness
from epolltop.model.counts import Totals
from epolltop.model.ctl import errors_by_key, renewed
from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.derived_counts import DerivedCounts
from epolltop.model.event import Event
from epolltop.model.growth import Levelled
from epolltop.model.holding import Census
from epolltop.model.instance import Instance
from epolltop.model.instances import Instances
from epolltop.model.journal import Journal
from epolltop.model.known_processes import KnownProcesses
from epolltop.model.levels import Levels
from epolltop.model.loop_state import LoopsMark
from epolltop.model.loops import Loops
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.selected_totals import selected_totals
from epolltop.model.snapshot import CtlError
from epolltop.model.tally import Tallies
from epolltop.model.unseen import Unseen
from epolltop.model.window import Mark, Window

PART = 1024
"""Events that are taken in at once. A source may make them as they are asked for, and a flood is large."""


class ObservedState:
    """What is known after a batch."""

    def __init__(self, selection: Selection, journal: Journal) -> None:
        """Knows nothing yet.

        Args:
            selection: which processes count.
            journal: that events of these go to.
        """
        self.processes = KnownProcesses(selection)
        self.instances = Instances()
        self.held: dict[ProcessKey, tuple[Instance, ...]] = {}
        """The instances of each process, as of the last call of `gather`."""
        self.tallies = Tallies()
        self.loops = Loops()
        self.ctl: Mapping[CtlKey, CtlCounts] = {}
        self.ctl_errors: Mapping[CtlKey, Mapping[CtlError, int]] = {}
        self.completeness = Completeness()
        self.unseen = Unseen()
        self.levelled = Levelled()
        self.journal = journal
        self.journal_end = 0
        """How many events were ever journalled."""
        self._derived = DerivedCounts()
        self._missing = (0, 0)  # events missing so far, at the last two censuses
        self._batch: Batch | None = None
        self._cpu_ns: int | None = None  # own CPU time at the first batch

    def apply(self, batch: Batch, windows: Sequence[Window]) -> None:
        """Takes in one batch; batches come in order.

        Args:
            batch: the next.
            windows: of all who look: they hear of events, and of what loops did.
        """
        self._batch = replace(batch, events=(), census=None)  # a flood of events would stay till the next is read
        if self._cpu_ns is None:
            self._cpu_ns = batch.cost.cpu_ns
        gone = self.processes.apply(batch)
        for at in range(0, len(batch.events), PART):
            told = [self.instances.apply_event(event) for event in batch.events[at : at + PART]]
            self.unseen.hear(batch, told)
            self._note(told, windows)
        if batch.census is not None:
            self._note(self._changes_by(batch, batch.census), windows)
        for file, watches in batch.watches.items():
            self.instances.apply_watches(file, watches)
        for file, interest in batch.interest.items():
            self.instances.apply_interest(file, interest)
        rises = self.tallies.apply(batch)
        self.completeness.apply(batch, self.processes.facts, self.processes.covers)
        self._derived.complete(batch.source, self.tallies["counts"])
        live = self.instances.live
        shown = [window.loops for window in windows]
        self.loops.apply(batch, rises["loops"], shown, live.changed | gone, live.take_came_or_went())
        self.ctl = renewed(self.ctl, batch.ctl)
        self.ctl_errors = renewed(self.ctl_errors, errors_by_key(batch.ctl_errors))
        holders = live.holders()
        self.processes.let_go(gone, holders, self.tallies.__contains__)
        # Processes absent from the last snapshot that hold nothing now have not changed.
        live.changed = {key for key in live.changed if key in holders or key in self.held}
        if self.levelled.is_due(batch.now_ns) and not (self.instances.cut or self.instances.crowded):
            self.levelled.look(batch.now_ns, holders, self.processes.alive, self.levels)

    @property
    def batch(self) -> Batch:
        """The last one, without its events and its census."""
        assert self._batch is not None, "nothing applied yet"
        return self._batch

    @property
    def totals(self) -> Totals:
        """What the selected processes did since the start."""
        return selected_totals(self.batch, self.tallies["counts"], self.processes)

    def began(self) -> Mark:
        """The mark of the start of counting."""
        began_ns = self.batch.since_ns
        return Mark(began_ns, {}, Totals(), self._cpu_ns, LoopsMark(began_ns))

    def marked(self) -> Mark:
        """The mark of this moment."""
        batch = self.batch
        return Mark(batch.now_ns, self.tallies.marked(), self.totals, batch.cost.cpu_ns, self.loops.known)

    def present(self) -> set[ProcessKey]:
        """The processes that live, hold an instance, or are counted by the kernel."""
        counted = (table.process_of(key) for name, table in TABLES.items() for key in getattr(self.batch, name))
        return {*counted, *self.instances.live.holders(), *self.processes.alive}

    def levels(self, key: ProcessKey) -> Levels:
        """How many instances and descriptors a process has."""
        facts = self.processes.facts.get(key)
        kinds = self.batch.descriptors.get(key)
        return Levels(len(self.instances.live.files_of(key)), facts.fds if facts else None, kinds)

    def gather(self) -> None:
        """Renews `held` of each process whose holdings changed. Of others, it has the same objects as before."""
        for key in self.instances.live.changed:
            before, now = self.held.get(key, ()), self.instances.live.of(key)
            if not now:
                self.held.pop(key, None)
            elif now != before:  # not if what came went, too
                self.held[key] = now
        self.instances.live.changed.clear()

    def keep(self, kept: Collection[ProcessKey], forgotten: Collection[ProcessKey]) -> None:
        """Forgets all processes but some.

        Args:
            kept: these.
            forgotten: of the others, those that did something.
        """
        self.tallies.forget(forgotten, self.processes.covers)
        self.completeness.keep(kept)
        self.unseen.keep(kept, self.processes.covers)
        self.processes.keep(kept)
        self._derived.keep(kept)

    def _changes_by(self, batch: Batch, census: Census) -> Sequence[Event]:
        """Takes in a census; what it tells that no event told."""
        source = batch.source
        missing = source.lost + source.untold_releases + source.missed
        traced = source.sees("released") and source.sees_all_releases
        release_told = missing == self._missing[0] and traced
        self._missing = (self._missing[1], missing)
        inferred = self.instances.apply_census(census, release_told=release_told, release_traced=traced)
        self._derived.look(source, inferred)
        self.unseen.look(batch, census, inferred)
        return inferred

    def _note(self, events: Sequence[Event], windows: Sequence[Window]) -> None:
        noted = self.processes.selected(events)
        self.journal = self.journal.followed_by(noted)
        self.journal_end += len(noted)
        for window in windows:
            window.hear(noted)
