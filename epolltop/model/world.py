"""The reducer: applies batches, live or recorded, and makes frozen snapshots for all who look.

Counts run from the start; rates are computed since a window's mark. A live view sets a mark every tick; a report on a
whole observation sets one mark, at its start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from epolltop.model.batch import Batch
from epolltop.model.copied import copied
from epolltop.model.event import Event
from epolltop.model.instance import Instance
from epolltop.model.journal import Journal
from epolltop.model.judge import LOOK_NS, Judge, NoJudge
from epolltop.model.loop_activity import LoopKey
from epolltop.model.observed_state import ObservedState
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.snapshot_of_window import snapshot_of
from epolltop.model.window import Mark, Window

JOURNAL = 10_000
"""Events kept for looking back."""


class World:
    """Everything known. Not thread-safe; its snapshots are immutable and may go anywhere."""

    def __init__(self, selection: Selection | None = None, judge: Judge | None = None) -> None:
        """Knows nothing yet.

        Args:
            selection: which processes count.
            judge: looks at it once a second, in a window of its own; None: nobody does.
        """
        self._state = ObservedState(selection or Selection(), Journal(JOURNAL))
        self.windows: list[Window] = []
        """The windows of all listeners."""
        self._judge: Judge = judge or NoJudge()
        self._judged = Window(tell_all=False) if judge else None

    def copy(self) -> World:
        """An independent world with the same state, with windows of its own in the same order."""
        return copied(self)

    def journal_since(self, number: int) -> Sequence[Event]:
        """The events from a number on that the journal still has, oldest first."""
        journal = self._state.journal
        return journal[max(0, len(journal) - (self.journal_end - number)) :]

    def replace_journal(self, events: Iterable[Event]) -> None:
        """Other events in place of the journal's; their numbers end where its own did."""
        self._state.journal = Journal(JOURNAL).followed_by(events)

    @property
    def now_ns(self) -> int:
        """Boot clock: of the last batch."""
        return self._state.batch.now_ns

    @property
    def journal_end(self) -> int:
        """How many events were ever journalled."""
        return self._state.journal_end

    def apply(self, batch: Batch) -> None:
        """Takes in one batch; batches come in order."""
        journalled = self.journal_end
        self._state.apply(batch, self._all_windows)
        for window in self._all_windows:
            window.limit(self.journal_end - journalled)
        self._forget_loops(self._state.loops.crowded_out())
        self._be_judged()

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

    def begin(self) -> Mark:
        """The mark of the start of counting."""
        return self._state.began()

    def mark(self, window: Window) -> Mark:
        """Begins a window anew here, and forgets processes that are gone and in no window any more."""
        state, present = self._state, self._state.present()
        if window.mark is not None:
            since, window_s = window.mark.counts, window.mark.elapsed_s(state.batch.now_ns)
            window.history.close(lambda kept: state.tallies.rates(*kept, since, window_s), present)
        others = [other for other in self._all_windows if other is not window]
        self._forget(present, others)
        self._forget_loops(state.loops.unseen([(other.mark or self.begin()).loops for other in others]))
        window.loops.longest = {}
        window.mark = state.marked()
        return window.mark

    def freeze(self, window: Window, since: Mark | None = None) -> Snapshot:
        """The present state. Unchanged parts are the same objects as in the window's last snapshot.

        Args:
            window: the window of the caller.
            since: start of the rates; None: the window's mark.
        """
        return snapshot_of(self._state, window, since or window.mark or self.begin(), self._judge)

    def held(self) -> tuple[Instance, ...]:
        """The instances that selected processes hold, each once, in the order of the processes."""
        live, covers = self._state.instances.live, self._state.processes.covers
        holders = sorted(key for key in live.holders() if covers(key))
        return tuple({one.file: one for key in holders for one in live.of(key)}.values())

    @property
    def suspects(self) -> tuple[Instance, ...]:
        """Instances whose interest lists the judge wants to see."""
        return self._judge.suspects

    @property
    def in_turn(self) -> tuple[Instance, ...]:
        """Those whose interest lists it wants to see when there is time."""
        return self._judge.in_turn

    @property
    def unexplained(self) -> Collection[LoopKey]:
        """Loops that were away for long, while nobody looked at what they did."""
        return self._judge.unexplained

    @property
    def _all_windows(self) -> list[Window]:
        """Those of all listeners, and the judge's."""
        return self.windows if self._judged is None else [*self.windows, self._judged]

    def _be_judged(self) -> None:
        """Shows the judge its window, if that is long enough."""
        window = self._judged
        if window is None:
            return
        if window.mark is None:
            self._judge.look(replace(self.freeze(window, self.begin()), window_s=0.0))
            self.mark(window)
        elif self._state.batch.now_ns - window.mark.now_ns >= LOOK_NS:
            self._judge.look(self.freeze(window))
            self.mark(window)

    def _forget(self, present: Collection[ProcessKey], others: Sequence[Window]) -> None:
        """Processes that are gone, except those whose activity another window may still show."""
        tallies = self._state.tallies
        gone = tallies.processes().difference(present)
        acted = (tallies.acted(other.mark.counts if other.mark else {}) for other in others)
        shown = gone.intersection(set().union(*acted))
        forgotten = gone - shown
        for other in others:
            other.mark = other.mark and other.mark.without(forgotten)
        self._state.keep({*present, *shown}, forgotten)

    def _forget_loops(self, keys: Collection[LoopKey]) -> None:
        """In all windows."""
        if keys:
            self._state.loops.forget(keys, [window.loops for window in self._all_windows])
            for window in self._all_windows:
                window.mark = window.mark and window.mark.without_loops(keys)
