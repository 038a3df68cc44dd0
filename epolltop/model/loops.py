"""Event loops: what each thread did with each instance that it waits on.

What is in progress counts. Up to an instant a loop has waited for as long as its waits that have ended, and the part of
the present one; a window has the difference between its end and its beginning. The same holds for the time away.

Ten thousand loops may act in each second. So nothing is kept loop by loop: what is known at a moment is the tables of
the batch before it, of which a mark keeps hold (`loop_state`). A snapshot takes the columns of each process out of
these tables, those of both ends of its window, and rows are made of them when somebody looks (`measured_loops`). While
the columns of a process are the same objects, it keeps its rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Set
from dataclasses import replace

from epolltop.model.batch import Batch
from epolltop.model.instance import Instance
from epolltop.model.late_look import LateLook
from epolltop.model.loop_activity import LoopCounts, LoopKey, ToldTimes, Turn
from epolltop.model.loop_index import LoopIndex, have_same, missing
from epolltop.model.loop_past import past_after, with_longer_waits
from epolltop.model.loop_state import LoopsMark, States
from epolltop.model.loops_window import LoopsWindow, MadeLoops, ShownLoops
from epolltop.model.measured_loops import Absent, Columns, Look, MeasuredLoops
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.rates import Rise

GONE_MAX = 10_000
"""Loops without thread or instance that are kept for windows which show them: 10 MB. Of more the last are kept."""


class Loops:
    """All that are known."""

    def __init__(self) -> None:
        self.known = LoopsMark(0)
        """As they are now."""
        self._names: dict[LoopKey, str] = {}  # of those that are in no turn
        self._index = LoopIndex()
        self._untimed: set[LoopKey] = set()  # in a wait that began before the trace
        self._alive: Container[ProcessKey] = ()
        self._since_ns = 0
        self._made: list[MadeLoops] = []
        """Since the last batch."""
        self._late: Mapping[LoopKey, LateLook] = {}

    def apply(
        self,
        batch: Batch,
        rises: Mapping[LoopKey, Rise],
        windows: Collection[LoopsWindow],
        changed: Collection[ProcessKey],
        came_or_went: Set[int],
    ) -> None:
        """Takes in a batch; batches come in order.

        Args:
            batch: the batch.
            rises: by how much its counters of loops rose.
            windows: of all who look.
            changed: processes that ended, or hold other instances than before.
            came_or_went: files of the instances that came or went; a thread may wait on what its process does not hold.
        """
        before = self.known
        turned, stopped = _differing(before.turns, batch.turns), missing(before.turns, batch.turns)
        past = past_after(before, batch, rises)
        self.known = LoopsMark(batch.now_ns, batch.loops, batch.loop_times, batch.turns, past)
        self._end_early_waits(before.now_ns, [*turned, *stopped])
        self._names.update((key, before.turns[key].name) for key in stopped)
        came = self._came(before)
        gone = missing(before.counts, batch.loops)
        left = [key for key in {*gone, *stopped} if not (key in batch.loops or key in batch.turns)]
        self._index.come(came)
        self._index.leave(left)
        beside = self._index.beside([*came, *left])
        on_others = self._index.on(came_or_went)
        looked = {key.process for key, _ in self._late.items() ^ batch.late.items()}
        for window in windows:
            window.hear(batch.loop_times, rises.keys())
            window.note({*changed, *on_others, *beside, *looked})
        self._made = []
        self._late, self._alive, self._since_ns = batch.late, batch.processes, batch.since_ns

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
            window.note(beside)
            window.forget(keys)
        self._index.forget(keys)
        self.known, self._made = self.known.without(keys), []
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
        attended = {key: since for group in self._index.shared for key, since in self._attended(group, mark)}
        look = Look(mark.now_ns, (self.known.now_ns - mark.now_ns) / 1e9, self._since_ns, attended, self._late)
        before, window.shown, made = window.shown, {}, self._made_from(mark, window)
        for process in processes:
            keys = self._index.by_process.get(process)
            if keys is None:
                continue
            if process not in made:
                was, states = before.get(process), self.known.of(keys)
                same = was if was and was.keys is keys else None
                then = same.states if same and same.known is mark else mark.of(keys)
                old = same if process not in window.renewed else None
                since_ns = old.since_ns if old else tuple([_since_ns(key, live) for key in keys])
                columns = Columns(keys, since_ns, states, then, self._longest(window, keys, states))
                loops = MeasuredLoops(*self._present(columns, is_complete=is_complete), look)
                made[process] = ShownLoops(loops.after(was.loops) if was else loops, keys, since_ns, states, self.known)
            window.shown[process] = made[process]
        window.renewed = set()
        return {process: each.loops for process, each in window.shown.items()}

    def _made_from(self, mark: LoopsMark, window: LoopsWindow) -> dict[ProcessKey, ShownLoops]:
        """What was made since the last batch for a window that begins there, too."""
        for known in self._made:
            if known.mark is mark and known.longest is window.longest:
                return known.shown
        self._made.append(MadeLoops(mark, window.longest))
        return self._made[-1].shown

    def _longest(self, window: LoopsWindow, keys: Collection[LoopKey], states: States) -> tuple[ToldTimes, ...]:
        """What has the maxima of the window. With a single batch that are its times."""
        is_single = window.longest is self.known.times
        return states.times if is_single else tuple(map(window.longest.get, keys, states.times))

    def _present(self, every: Columns, *, is_complete: bool) -> tuple[Columns, Mapping[LoopKey, Absent]]:
        """Without those that are over and did nothing in the window; and which of the rest have no turn."""
        alive = every.keys[0].process in self._alive
        if alive and None not in every.since_ns and all(every.now.turns):
            return every, {}
        present, turns, absent = [], [], {}
        threads = {_thread(key): key for key, turn in zip(every.keys, every.now.turns, strict=True) if turn}
        for place, (key, since_ns) in enumerate(zip(every.keys, every.since_ns, strict=True)):
            turn = every.now.turns[place] if alive else None
            if turn and turn.returned_ns and key.file and since_ns is None and (key.created_ns or is_complete):
                # The instance is gone: its thread does not come back to it, and is not late. Of one that is older than
                # the trace only a census by addresses tells that.
                turn = None
            counts, was = every.now.counts[place], every.then.counts[place]
            acted = counts is not was and counts != was
            if acted or turn or (alive and since_ns is not None and key not in self._index.gone):
                present.append(place)
                turns.append(turn)
                if not turn:
                    absent[key] = Absent(self._name(key), alive and threads.get(_thread(key), key) is not key)
        some = every.some(present)
        return some._replace(now=some.now._replace(turns=tuple(turns))), absent

    def _came(self, before: LoopsMark) -> list[LoopKey]:
        """Those that are present, for the first time or again."""
        now = self.known
        if have_same(before.counts, now.counts) and have_same(before.turns, now.turns):
            return []
        return [key for key in {**now.counts, **now.turns} if not (key in before.counts or key in before.turns)]

    def _end_early_waits(self, before_ns: int, moved: Iterable[LoopKey]) -> None:
        """Adds the waits from before the trace that are over, which no entry tells.

        Args:
            before_ns: time of the last batch.
            moved: the loops in another turn than before, or in none.
        """
        turns = self.known.turns
        untimed = {key for key in moved if (turn := turns.get(key)) and not (turn.entered_ns or turn.returned_ns)}
        over = self._untimed.intersection(moved) - untimed if self._untimed else set()
        self._untimed = (self._untimed | untimed) - over
        if not over:
            return
        ended_ns = {key: max(before_ns, _ended_ns(self.known.did(key), turns.get(key))) for key in over}
        longer_ns = {key: max(0, at_ns - self._since_ns) for key, at_ns in ended_ns.items()}
        self.known = replace(self.known, past=with_longer_waits(self.known.past, longer_ns))

    def _attended(self, group: Collection[LoopKey], mark: LoopsMark) -> Iterator[tuple[LoopKey, int | None]]:
        """Of each loop of an instance on which others wait, too, since when none of its threads does.

        Who neither waits nor did in the window left it to those who do; if nobody does, to who was there last.
        """
        known = self.known
        turns = {key: turn for key in group if (turn := known.turns.get(key)) and key.process in self._alive}
        wait = {key for key, turn in turns.items() if not turn.returned_ns}
        waited = {key for key in group if known.waits(key) != mark.waits(key)}
        last = max(turns, key=lambda key: turns[key].returned_ns, default=None)
        attendants = wait | waited or ({last} if last else set())
        since_ns = None if wait or last is None else turns[last].returned_ns
        for key in group:
            if attendants - {key}:
                yield key, since_ns

    def _name(self, key: LoopKey) -> str:
        """Of a thread, by its last turn."""
        turn = self.known.turns.get(key)
        return turn.name if turn else self._names.get(key, "")


def _since_ns(key: LoopKey, live: Mapping[int, Instance]) -> int | None:
    """When its instance began, as far as that is known; None if it is not among the live ones."""
    instance = live.get(key.file)
    return instance.since_ns if instance and (instance.created_ns or 0) == key.created_ns else None


def _differing(before: Mapping[LoopKey, Turn], now: Mapping[LoopKey, Turn]) -> list[LoopKey]:
    """Loops in another turn than before."""
    if before is now:
        return []
    return [key for key, turn in now.items() if turn is not (was := before.get(key)) and turn != was]


def _ended_ns(counts: LoopCounts, turn: Turn | None) -> int:
    """When a wait ended that is in no counter because it began before the trace: all that came later is."""
    if turn is None:  # it goes on with another instance
        return 0
    if not turn.entered_ns:
        return turn.returned_ns
    return (turn.returned_ns or turn.entered_ns) - counts.waiting_ns - counts.away_ns


def _thread(key: LoopKey) -> tuple[int, ...]:
    return key.process.pid, key.tid, key.thread_start_ns
