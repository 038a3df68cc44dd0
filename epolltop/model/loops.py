"""Event loops: what each thread did with each instance that it waits on.

What is in progress counts. Up to an instant a loop has waited for as long as its waits that have ended, and the part of
the present one; a window has the difference between its end and its beginning. The same holds for the time away.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

from epolltop.model.batch import TABLES, Batch
from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes, Turn
from epolltop.model.loop_evidence import LoopEvidence, loop_row_of
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import Peaks, went_on
from epolltop.model.loops_window import LoopsMark, LoopsWindow, ShownLoop
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Instance
from epolltop.model.tally import Tally

Group = TypeVar("Group")

GONE_MAX = 10_000
"""Loops without thread or instance that are kept for windows which show them: 10 MB. Of more the last are kept."""


class _Look(NamedTuple):
    """What rows are made for."""

    peaks: Mapping[LoopKey, Peaks]
    mark: LoopsMark
    live: Mapping[int, Instance]
    attended: Mapping[LoopKey, tuple[bool, int | None]]
    """Of loops whose instance others wait on, too, see `_attended`."""


class Loops:
    """All that are known."""

    def __init__(self) -> None:
        self._tally: Tally[LoopKey] = Tally(TABLES["loops"])
        self._times: dict[LoopKey, LoopTimes] = {}
        self._told: Mapping[LoopKey, LoopTimes] = {}  # in the last batch, like the turns
        self._turns: Mapping[LoopKey, Turn] = {}
        self._names: dict[LoopKey, str] = {}
        self._by_process: dict[ProcessKey, dict[LoopKey, None]] = {}
        self._by_instance: dict[tuple[int, int], dict[LoopKey, None]] = {}
        self._present: frozenset[LoopKey] = frozenset()
        self._gone: dict[LoopKey, None] = {}  # known, but not present; the oldest first
        self._threads: frozenset[tuple[int, ...]] = frozenset()  # in a turn; not needed while all loops are
        self._untimed: frozenset[LoopKey] = frozenset()  # in a wait that began before the trace
        self._alive: Container[ProcessKey] = ()
        self._changes = 0
        self._changed: dict[ProcessKey, int] = {}  # the last change of each process
        self._since_ns = self._now_ns = 0

    def apply(self, batch: Batch, windows: Collection[LoopsWindow], changed: Iterable[ProcessKey]) -> None:
        """Takes in a batch; batches come in order.

        Args:
            batch: the batch.
            windows: of all who look.
            changed: processes that ended, or hold other instances than before.
        """
        self._alive = batch.processes
        self._note(changed)
        counted = self._tally.apply(batch.loops, _itself)
        self._note(key.process for key in counted)
        for key in counted & batch.loop_times.keys():
            told, last = batch.loop_times[key], self._told.get(key, _NO_TIMES)
            known = self._times.get(key, _NO_TIMES)
            self._times[key] = LoopTimes(
                went_on(known.waiting, told.waiting, last.waiting),
                went_on(known.away, told.away, last.away),
                went_on(known.poll_delay, told.poll_delay, last.poll_delay),
            )
            peaks = Peaks(told.waiting_max_ns, told.away_max_ns, told.poll_delay_max_ns)
            for window in windows:
                window.peaks[key] = Peaks(*map(max, peaks, window.peaks.get(key, _NO_PEAKS)))
        self._told = batch.loop_times
        self._follow_turns(batch)
        self._keep(batch.loops.keys() | batch.turns.keys())
        self._since_ns, self._now_ns = batch.since_ns, batch.now_ns

    def marked(self) -> LoopsMark:
        """As they are now."""
        return LoopsMark(self._now_ns, dict(self._tally.counts), dict(self._times), self._turns)

    def unseen(self, marks: Collection[LoopsMark]) -> set[LoopKey]:
        """Those that are gone and did nothing in the windows with these marks."""
        none: LoopCounts = self._tally.none
        return {
            key
            for key in self._gone
            if all(self._tally.of(key) == mark.counts.get(key, none) for mark in marks)
        }  # fmt: skip

    def crowded_out(self) -> list[LoopKey]:
        """Those of the gone, the oldest, for which there is no room."""
        return list(itertools.islice(self._gone, max(0, len(self._gone) - GONE_MAX)))

    def forget(self, keys: Collection[LoopKey]) -> None:
        """Drops some of the gone."""
        self._note_beside(keys)
        for key in keys:
            self._tally.forget(key, covered=False)
            for known in (self._times, self._names, self._gone):
                known.pop(key, None)
            _leave(self._by_instance, (key.file, key.created_ns), key)
            _leave(self._by_process, key.process, key)
            if key.process not in self._by_process:
                self._changed.pop(key.process, None)

    def rows(
        self,
        processes: Iterable[ProcessKey],
        window: LoopsWindow,
        mark: LoopsMark,
        live: Mapping[int, Instance],
    ) -> dict[ProcessKey, tuple[LoopRow, ...]]:
        """By process, by thread: loops that may go on, and those that did something in the window.

        Args:
            processes: whose.
            window: the window of the caller; it notes the rows that it is shown.
            mark: where it begins.
            live: the instances that there are, by file.
        """
        groups = [group for group in self._by_instance.values() if len(group) > 1]
        attended = {key: each for group in groups for key, each in self._attended(group, mark)}
        lively = window.lively.union(key.process for group in groups for key in group)
        if mark.now_ns < window.begin_ns:  # rows are of a window that begins later
            window.shown = {}
        before, window.shown, window.lively = window.shown, {}, set()
        look = _Look(window.peaks, mark, live, attended)
        for process in processes:
            if process not in self._by_process:
                continue
            shown = before.get(process)
            if shown is None or process in lively or self._changed[process] > window.changes:
                shown = tuple(self._shown(process, look, {row.key: (known, row) for known, row in shown or ()}))
                if any(known.window or known.turn is None for known, _ in shown):
                    window.lively.add(process)
            window.shown[process] = shown
        window.changes, window.begin_ns = self._changes, mark.now_ns
        return {process: tuple([row for _, row in shown]) for process, shown in window.shown.items()}

    def _note(self, changed: Iterable[ProcessKey]) -> None:
        self._changes += 1
        self._changed.update((process, self._changes) for process in changed if process in self._by_process)

    def _follow_turns(self, batch: Batch) -> None:
        before, self._turns = self._turns, batch.turns
        turned = [key for key, turn in batch.turns.items() if turn != before.get(key)]
        self._names.update((key, batch.turns[key].name) for key in turned)
        self._note(key.process for key in (*turned, *(before.keys() - batch.turns.keys())))
        for key in self._untimed:
            now = batch.turns.get(key)
            if now is None or now.entered_ns or now.returned_ns:
                waited_ns = max(self._now_ns, self._ended_ns(key, now)) - self._since_ns
                self._tally.counts[key] = _waited_longer(self._tally.of(key), max(0, waited_ns))
        self._untimed = frozenset(
            key for key, turn in batch.turns.items() if not (turn.entered_ns or turn.returned_ns)
        )  # fmt: skip
        every_loop = len(batch.turns) >= len(batch.loops)
        self._threads = frozenset(() if every_loop else map(_thread, batch.turns))

    def _ended_ns(self, key: LoopKey, turn: Turn | None) -> int:
        """When a wait ended that is in no counter because it began before the trace: all that came later is."""
        if turn is None:  # it goes on with another instance
            return 0
        if not turn.entered_ns:
            return turn.returned_ns
        counts: LoopCounts = self._tally.of(key)
        return (turn.returned_ns or turn.entered_ns) - counts.waiting_ns - counts.away_ns

    def _keep(self, present: frozenset[LoopKey] | set[LoopKey]) -> None:
        came, left = present - self._present, self._present - present
        self._present = frozenset(present) if came or left else self._present
        for key in came:
            self._gone.pop(key, None)
            self._by_process.setdefault(key.process, {})[key] = None
            self._by_instance.setdefault((key.file, key.created_ns), {})[key] = None
        self._gone.update(dict.fromkeys(sorted(left)))
        self._note_beside(came | left)

    def _note_beside(self, keys: Iterable[LoopKey]) -> None:
        """Who waits on the same instances may share them, or do so no longer."""
        self._note(other.process for key in keys for other in self._by_instance[key.file, key.created_ns])

    def _attended(
        self, group: Collection[LoopKey], mark: LoopsMark
    ) -> Iterator[tuple[LoopKey, tuple[bool, int | None]]]:
        """Of each loop of an instance, whether others wait on it, too; if so, since when none of its threads does.

        Who neither waits nor did in the window left it to those who do; if nobody does, to who was there last.
        """
        turns = {key: turn for key in group if (turn := self._turns.get(key)) and key.process in self._alive}
        none: LoopCounts = self._tally.none
        wait = {key for key, turn in turns.items() if not turn.returned_ns}
        waited = {key for key in group if self._tally.of(key).waits != mark.counts.get(key, none).waits}
        last = max(turns, key=lambda key: turns[key].returned_ns, default=None)
        attendants = wait | waited or ({last} if last else set())
        since_ns = None if wait or last is None else turns[last].returned_ns
        for key in group:
            if attendants - {key}:
                yield key, (True, since_ns)

    def _shown(self, process: ProcessKey, look: _Look, last: Mapping[LoopKey, ShownLoop]) -> Iterator[ShownLoop]:
        for key in sorted(self._by_process[process], key=_BY_THREAD):
            known, before = self._known(key, look), last.get(key)
            if known is not None:
                yield before if before and before[0] == known else (known, loop_row_of(key, known, self._since_ns))

    def _known(self, key: LoopKey, look: _Look) -> LoopEvidence | None:
        """None: the loop is over, and did nothing in the window."""
        mark, alive = look.mark, key.process in self._alive
        total: LoopCounts = self._tally.of(key)
        then = mark.counts.get(key, self._tally.none)
        turn, turn_then = self._turns.get(key) if alive else None, mark.turns.get(key)
        instance = look.live.get(key.file)
        since_ns = instance.since_ns if instance and (instance.created_ns or 0) == key.created_ns else None
        acted = total is not then and total != then
        if not (acted or turn or (alive and since_ns is not None and key in self._present)):
            return None
        return LoopEvidence(
            total,
            then,
            self._times.get(key, _NO_TIMES),
            mark.times.get(key, _NO_TIMES),
            look.peaks.get(key, _NO_PEAKS),
            turn,
            turn_then,
            since_ns,
            self._names.get(key, ""),
            turn is None and alive and _thread(key) in self._threads,
            *look.attended.get(key, (False, None)),
            (mark.now_ns, self._now_ns) if acted or turn != turn_then else None,
        )


_NO_TIMES, _NO_PEAKS = LoopTimes(), Peaks()
_BY_THREAD = operator.attrgetter("tid", "file", "created_ns")


def _leave(groups: dict[Group, dict[LoopKey, None]], group: Group, key: LoopKey) -> None:
    del groups[group][key]
    if not groups[group]:
        del groups[group]


def _itself(key: LoopKey) -> LoopKey:
    return key


def _thread(key: LoopKey) -> tuple[int, ...]:
    return key.process.pid, key.tid, key.thread_start_ns


def _waited_longer(counts: LoopCounts, by_ns: int) -> LoopCounts:
    return counts._replace(waiting_ns=counts.waiting_ns + by_ns)
