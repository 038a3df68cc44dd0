"""Event loops: what each thread did with each instance that it waits on.

What is in progress counts. Up to an instant a loop has waited for as long as its waits that have ended, and the part of
the present one; a window has the difference between its end and its beginning. The same holds for the time away.

Most loops do nothing from one batch to the next. What a batch changes is noted loop by loop, in each window; the rest
keeps its state and its row.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epolltop.model.batch import Batch
from epolltop.model.instance import Instance
from epolltop.model.late_look import LateLook
from epolltop.model.loop_activity import LoopCounts, LoopKey, Turn
from epolltop.model.loop_index import LoopIndex, missing
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_state import NO_TIMES, NOTHING, LoopState
from epolltop.model.loop_times import RisenActivity, ended
from epolltop.model.loop_totals import LoopTotals
from epolltop.model.loops_window import LoopsMark, LoopsWindow
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops

GONE_MAX = 10_000
"""Loops without thread or instance that are kept for windows which show them: 10 MB. Of more the last are kept."""


class _Look(NamedTuple):
    """What rows are made for."""

    longest: Mapping[LoopKey, Iterable[Any]]
    mark: LoopsMark
    over_s: float
    live: Mapping[int, Instance]
    is_complete: bool
    attended: Mapping[LoopKey, tuple[bool, int | None]]
    """Of loops whose instance others wait on, too, see `_attended`."""
    states: Mapping[LoopKey, LoopState]
    """That the rows before these were made of."""


class Loops:
    """All that are known."""

    def __init__(self) -> None:
        self.known = LoopsMark(0)
        """As they are now."""
        self._totals = LoopTotals()
        self._loops: Mapping[LoopKey, LoopCounts] = {}  # in the last batch, like the next two
        self._turns: Mapping[LoopKey, Turn] = {}
        self._times: Mapping[LoopKey, Iterable[Any]] = {}
        self._names: dict[LoopKey, str] = {}  # of those that are in no turn
        self._index = LoopIndex()
        self._threads: frozenset[tuple[int, ...]] = frozenset()  # in a turn; not needed while all loops are
        self._untimed: set[LoopKey] = set()  # in a wait that began before the trace
        self._alive: Container[ProcessKey] = ()
        self._since_ns = 0
        self._late: Mapping[LoopKey, LateLook] = {}

    def apply(
        self,
        batch: Batch,
        rises: Mapping[LoopKey, Sequence[int]],
        windows: Collection[LoopsWindow],
        changed: Collection[ProcessKey],
    ) -> None:
        """Takes in a batch; batches come in order.

        Args:
            batch: the batch.
            rises: by how much its counters of loops rose.
            windows: of all who look.
            changed: processes that ended, or hold other instances than before.
        """
        turned, stopped = _differing(self._turns, batch.turns), missing(self._turns, batch.turns)
        gone = missing(self._loops, batch.loops)
        moved = [*rises, *(key for key in (*turned, *stopped) if key not in rises)]
        states = known = self.known.states
        if moved or gone:
            states, times, turns = dict(known), batch.loop_times, batch.turns
            for key in rises:
                states[key] = LoopState(batch.loops[key], times.get(key, NO_TIMES), turns.get(key))
            states.update(self._totals.apply(batch, rises, known))
            for key in itertools.islice(moved, len(rises), None):
                states[key] = states.get(key, NOTHING)._replace(turn=turns.get(key))
            states.update(self._end_early_waits(turns, [*turned, *stopped], states))
        self._names.update((key, self._turns[key].name) for key in stopped)
        came = [key for key in moved if key not in known] if len(states) > len(known) else []
        came += [key for key in self._index.gone if key in batch.loops or key in batch.turns]
        left = [key for key in {*gone, *stopped} if not (key in batch.loops or key in batch.turns)]
        self._index.come(came)
        self._index.leave(left)
        beside = self._index.beside([*came, *left])
        looked = [key for key, _ in self._late.items() ^ batch.late.items()]
        processes = {key.process for key in itertools.chain(moved, looked)}
        for window in windows:
            window.hear(batch.loop_times, rises.keys())
            window.note(processes, {*changed, *beside})
        self.known = LoopsMark(batch.now_ns, states)
        self._loops, self._turns, self._times = batch.loops, batch.turns, batch.loop_times
        self._late, self._alive, self._since_ns = batch.late, batch.processes, batch.since_ns
        every_loop = len(batch.turns) >= len(batch.loops)
        self._threads = frozenset(() if every_loop else map(_thread, batch.turns))

    def unseen(self, marks: Collection[LoopsMark]) -> set[LoopKey]:
        """Those that are gone and did nothing in the windows with these marks."""
        return {key for key in self._index.gone if all(self.known.did(key) == mark.did(key) for mark in marks)}

    def crowded_out(self) -> list[LoopKey]:
        """Those of the gone, the oldest, for which there is no room."""
        return list(itertools.islice(self._index.gone, max(0, len(self._index.gone) - GONE_MAX)))

    def forget(self, keys: Collection[LoopKey], windows: Iterable[LoopsWindow]) -> None:
        """Drops some of the gone."""
        beside = self._index.beside(keys)
        for window in windows:
            window.note((), beside)
            window.forget(keys)
        self._totals.forget(keys)
        self._index.forget(keys)
        self.known = self.known.without(keys)
        for key in keys:
            self._names.pop(key, None)

    def rows(
        self,
        processes: Iterable[ProcessKey],
        window: LoopsWindow,
        mark: LoopsMark,
        live: Mapping[int, Instance],
        *,
        is_complete: bool,
    ) -> dict[ProcessKey, ProcessLoops]:
        """By process, by thread: loops that may go on, and those that did something in the window.

        Args:
            processes: whose.
            window: the window of the caller; it notes the rows that it is shown.
            mark: where it begins.
            live: the instances that there are, by file.
            is_complete: all that are held are among them.
        """
        groups = self._index.shared
        attended = {key: each for group in groups for key, each in self._attended(group, mark)}
        over_s = (self.known.now_ns - mark.now_ns) / 1e9
        # In a window with a single batch the maxima are those of its times.
        longest = {} if window.longest is self._times else window.longest
        look = _Look(longest, mark, over_s, live, is_complete, attended, window.states)
        together = {key.process for group in groups for key in group}
        affected = window.changed | window.renewed | window.lively | together
        # The rows of a window that begins later are of no use.
        before = window.shown if mark.now_ns >= window.begin_ns else {}
        window.shown, window.lively = {}, set()
        for process in processes:
            if process not in self._index.by_process:
                continue
            shown = before.get(process)
            if shown is None or process in affected:
                known = {row.key: row for row in shown or ()}
                is_new = shown is None or process in window.renewed
                shown = ProcessLoops(self._shown(process, look, known, is_new=is_new))
                if any(map(_may_change, shown)):
                    window.lively.add(process)
            window.shown[process] = shown
        window.changed, window.renewed = set(), set()
        window.states, window.begin_ns = self.known.states, mark.now_ns
        return dict(window.shown)

    def _end_early_waits(
        self, turns: Mapping[LoopKey, Turn], moved: Iterable[LoopKey], states: Mapping[LoopKey, LoopState]
    ) -> dict[LoopKey, LoopState]:
        """The states of loops whose wait from before the trace is over, with that wait, which no entry tells.

        Args:
            turns: that there are now.
            moved: the loops in another one than before, or in none.
            states: of all loops.
        """
        untimed = {key for key in moved if (turn := turns.get(key)) and not (turn.entered_ns or turn.returned_ns)}
        over = self._untimed.intersection(moved) - untimed if self._untimed else set()
        self._untimed = (self._untimed | untimed) - over
        longer = {}
        for key in over:
            at_ns = max(self.known.now_ns, _ended_ns(states[key]))
            longer[key] = self._totals.wait_longer(key, max(0, at_ns - self._since_ns), states[key])
        return longer

    def _attended(
        self, group: Collection[LoopKey], mark: LoopsMark
    ) -> Iterator[tuple[LoopKey, tuple[bool, int | None]]]:
        """Of each loop of an instance, whether others wait on it, too; if so, since when none of its threads does.

        Who neither waits nor did in the window left it to those who do; if nobody does, to who was there last.
        """
        known = self.known
        turns = {key: turn for key in group if (turn := known.states[key].turn) and key.process in self._alive}
        wait = {key for key, turn in turns.items() if not turn.returned_ns}
        waited = {key for key in group if known.did(key).waits != mark.did(key).waits}
        last = max(turns, key=lambda key: turns[key].returned_ns, default=None)
        attendants = wait | waited or ({last} if last else set())
        since_ns = None if wait or last is None else turns[last].returned_ns
        for key in group:
            if attendants - {key}:
                yield key, (True, since_ns)

    def _shown(
        self, process: ProcessKey, look: _Look, before: Mapping[LoopKey, LoopRow], *, is_new: bool
    ) -> Iterator[LoopRow]:
        """Rows of loops with news are made anew; if the news may be about all loops of the process, all are."""
        alive, states, then = process in self._alive, self.known.states, look.states
        for key in self._index.by_process[process]:
            was, state = before.get(key), states[key]
            if is_new or state is not then.get(key) or (was and self._may_differ(was, look)):
                since_ns = _since_ns(key, look.live) if is_new or was is None else was.since_ns
                row = self._row(key, state, since_ns, look, alive=alive)
                if row is not None:
                    yield was if was and row.did.is_at_rest and was == row else row
            elif was is not None:
                yield was

    def _row(self, key: LoopKey, state: LoopState, since_ns: int | None, look: _Look, *, alive: bool) -> LoopRow | None:
        """None: the loop is over, and did nothing in the window."""
        then = look.mark.states.get(key, NOTHING)
        turn = state.turn if alive else None
        if turn and turn.returned_ns and key.file and since_ns is None and (key.created_ns or look.is_complete):
            # The instance is gone: its thread does not come back to it, and is not late. Of one that is older than the
            # trace only a census by addresses tells that.
            turn = None
        acted = state.counts is not then.counts and state.counts != then.counts
        if not (acted or turn or (alive and since_ns is not None and key not in self._index.gone)):
            return None
        counts, times, _ = state
        waited_ns, was_away_ns = ended(counts, turn, then, look.mark.now_ns, self._since_ns)
        if acted:
            longest = look.longest.get(key, times) if look.longest else times
            did = RisenActivity(counts, then.counts, waited_ns, was_away_ns, times, then.times, longest, look.over_s)
        else:
            did = RisenActivity(counts, counts, waited_ns, was_away_ns)
        is_elsewhere = turn is None and alive and _thread(key) in self._threads
        is_shared, unattended_ns = look.attended.get(key, _ALONE) if look.attended else _ALONE
        thread, late = turn.name if turn else self._name(key), self._late.get(key)
        return LoopRow(key, since_ns, thread, did, turn, is_elsewhere, is_shared, unattended_ns, late)

    def _may_differ(self, row: LoopRow, look: _Look) -> bool:
        """Whether it may be another one now although its loop is in the same state."""
        return _may_change(row) or row.key in look.attended or row.late is not self._late.get(row.key)

    def _name(self, key: LoopKey) -> str:
        """Of a thread, by its last turn."""
        turn = self.known.states.get(key, NOTHING).turn
        return turn.name if turn else self._names.get(key, "")


_ALONE = (False, None)


def _since_ns(key: LoopKey, live: Mapping[int, Instance]) -> int | None:
    """When its instance began, as far as that is known; None if it is not among the live ones."""
    instance = live.get(key.file)
    return instance.since_ns if instance and (instance.created_ns or 0) == key.created_ns else None


def _differing(before: Mapping[LoopKey, Turn], now: Mapping[LoopKey, Turn]) -> list[LoopKey]:
    """Loops in another turn than before."""
    if before is now:
        return []
    return [key for key, turn in now.items() if turn is not (was := before.get(key)) and turn != was]


def _ended_ns(state: LoopState) -> int:
    """When a wait ended that is in no counter because it began before the trace: all that came later is."""
    counts, _, turn = state
    if turn is None:  # it goes on with another instance
        return 0
    if not turn.entered_ns:
        return turn.returned_ns
    return (turn.returned_ns or turn.entered_ns) - counts.waiting_ns - counts.away_ns


def _thread(key: LoopKey) -> tuple[int, ...]:
    return key.process.pid, key.tid, key.thread_start_ns


def _may_change(row: LoopRow) -> bool:
    """Whether it changes without news about its loop: something happened in its window, or it may be over."""
    return row.turn is None or row.shared or not row.did.is_at_rest
