"""Event loops: what each thread did with each instance that it waits on.

What is in progress counts. Up to an instant a loop has waited for as long as its waits that have ended, and the part of
the present one; a window has the difference between its end and its beginning. The same holds for the time away.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from epolltop.model.batch import Batch
from epolltop.model.instance import Instance
from epolltop.model.late_look import LateLook
from epolltop.model.loop_activity import LoopCounts, LoopKey, Turn
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import NO_TIMES, RisenActivity, Span
from epolltop.model.loop_totals import LoopTotals, missing
from epolltop.model.loops_window import LoopsMark, LoopsWindow
from epolltop.model.process import ProcessKey

Group = TypeVar("Group")

GONE_MAX = 10_000
"""Loops without thread or instance that are kept for windows which show them: 10 MB. Of more the last are kept."""


class _Look(NamedTuple):
    """What rows are made for."""

    longest: Mapping[LoopKey, Iterable[Any]]
    mark: LoopsMark
    span: Span
    live: Mapping[int, Instance]
    is_complete: bool
    attended: Mapping[LoopKey, tuple[bool, int | None]]
    """Of loops whose instance others wait on, too, see `_attended`."""


class Loops:
    """All that are known."""

    def __init__(self) -> None:
        self.known = LoopsMark(0)
        """As they are now."""
        self._totals = LoopTotals()
        self._loops: Mapping[LoopKey, LoopCounts] = {}  # in the last batch
        self._names: dict[LoopKey, str] = {}  # of those that are in no turn
        self._by_process: dict[ProcessKey, dict[LoopKey, None]] = {}  # by thread
        self._by_instance: dict[tuple[int, int], dict[LoopKey, None]] = {}
        self._gone: dict[LoopKey, None] = {}  # known, but not present; the oldest first
        self._threads: frozenset[tuple[int, ...]] = frozenset()  # in a turn; not needed while all loops are
        self._untimed: frozenset[LoopKey] = frozenset()  # in a wait that began before the trace
        self._alive: Container[ProcessKey] = ()
        self._changes = 0
        self._changed: dict[ProcessKey, int] = {}  # the last change of each process
        self._since_ns = 0
        self._late: Mapping[LoopKey, LateLook] = {}

    def apply(
        self,
        batch: Batch,
        rises: Mapping[LoopKey, Sequence[int]],
        windows: Collection[LoopsWindow],
        changed: Iterable[ProcessKey],
    ) -> None:
        """Takes in a batch; batches come in order.

        Args:
            batch: the batch.
            rises: by how much its counters of loops rose.
            windows: of all who look.
            changed: processes that ended, or hold other instances than before.
        """
        self._alive = batch.processes
        self._note(changed)
        self._note({key.process for key in rises})
        for window in windows:
            window.hear(batch.loop_times, rises.keys())
        self._totals.apply(batch, rises)
        self._follow_turns(batch)
        self._keep(batch)
        looked = {key for key, _ in self._late.items() ^ batch.late.items()}
        self._note({key.process for key in looked})
        self._late = batch.late
        self._loops = batch.loops
        self.known = LoopsMark(batch.now_ns, self._totals.counts, self._totals.times, batch.turns)
        self._since_ns = batch.since_ns

    def unseen(self, marks: Collection[LoopsMark]) -> set[LoopKey]:
        """Those that are gone and did nothing in the windows with these marks."""
        return {key for key in self._gone if all(self.known.did(key) == mark.did(key) for mark in marks)}

    def crowded_out(self) -> list[LoopKey]:
        """Those of the gone, the oldest, for which there is no room."""
        return list(itertools.islice(self._gone, max(0, len(self._gone) - GONE_MAX)))

    def forget(self, keys: Collection[LoopKey]) -> None:
        """Drops some of the gone."""
        self._note_beside(keys)
        self._totals.forget(keys)
        self.known = self.known.without(keys)
        for key in keys:
            self._names.pop(key, None)
            self._gone.pop(key, None)
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
        *,
        is_complete: bool,
    ) -> dict[ProcessKey, tuple[LoopRow, ...]]:
        """By process, by thread: loops that may go on, and those that did something in the window.

        Args:
            processes: whose.
            window: the window of the caller; it notes the rows that it is shown.
            mark: where it begins.
            live: the instances that there are, by file.
            is_complete: all that are held are among them.
        """
        groups = [group for group in self._by_instance.values() if len(group) > 1]
        attended = {key: each for group in groups for key, each in self._attended(group, mark)}
        lively = window.lively.union(key.process for group in groups for key in group)
        if mark.now_ns < window.begin_ns:  # rows are of a window that begins later
            window.shown = {}
        before, window.shown, window.lively = window.shown, {}, set()
        span = Span(mark.now_ns, self._since_ns, (self.known.now_ns - mark.now_ns) / 1e9)
        look = _Look(window.longest, mark, span, live, is_complete, attended)
        for process in processes:
            if process not in self._by_process:
                continue
            shown = before.get(process)
            if shown is None or process in lively or self._changed[process] > window.changes:
                shown = tuple(self._shown(process, look, shown or ()))
                if any(map(_is_lively, shown)):
                    window.lively.add(process)
            window.shown[process] = shown
        window.changes, window.begin_ns = self._changes, mark.now_ns
        return dict(window.shown)

    def _note(self, changed: Iterable[ProcessKey]) -> None:
        self._changes += 1
        self._changed.update((process, self._changes) for process in changed if process in self._by_process)

    def _follow_turns(self, batch: Batch) -> None:
        before, turns = self.known.turns, batch.turns
        turned = {key: turn for key, turn in turns.items() if turn is not (was := before.get(key)) and turn != was}
        left = missing(before, turns)
        self._note({key.process for key in itertools.chain(turned, left)})
        self._names.update((key, before[key].name) for key in left)
        ended = [key for key in self._untimed if not _is_untimed(turns.get(key))]
        ended_ns = {key: max(self.known.now_ns, self._ended_ns(key, turns.get(key))) for key in ended}
        self._totals.wait_longer({key: max(0, at_ns - self._since_ns) for key, at_ns in ended_ns.items()})
        self._untimed = frozenset(
            key for key in itertools.chain(self._untimed, turned) if _is_untimed(turns.get(key))
        )  # fmt: skip
        every_loop = len(turns) >= len(batch.loops)
        self._threads = frozenset(() if every_loop else map(_thread, turns))

    def _ended_ns(self, key: LoopKey, turn: Turn | None) -> int:
        """When a wait ended that is in no counter because it began before the trace: all that came later is."""
        if turn is None:  # it goes on with another instance
            return 0
        if not turn.entered_ns:
            return turn.returned_ns
        counts = self._totals.counts.get(key, _NONE)
        return (turn.returned_ns or turn.entered_ns) - counts.waiting_ns - counts.away_ns

    def _keep(self, batch: Batch) -> None:
        if batch.loops.keys() == self._loops.keys() and batch.turns.keys() == self.known.turns.keys():
            return
        present, was = batch.loops.keys() | batch.turns.keys(), self._loops.keys() | self.known.turns.keys()
        came, left = present - was, was - present
        for key in came:
            self._gone.pop(key, None)
            self._by_process.setdefault(key.process, {})[key] = None
            self._by_instance.setdefault((key.file, key.created_ns), {})[key] = None
        for process in {key.process for key in came}:
            self._by_process[process] = dict.fromkeys(sorted(self._by_process[process], key=_BY_THREAD))
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
        known = self.known
        turns = {key: turn for key in group if (turn := known.turns.get(key)) and key.process in self._alive}
        wait = {key for key, turn in turns.items() if not turn.returned_ns}
        waited = {key for key in group if known.did(key).waits != mark.did(key).waits}
        last = max(turns, key=lambda key: turns[key].returned_ns, default=None)
        attendants = wait | waited or ({last} if last else set())
        since_ns = None if wait or last is None else turns[last].returned_ns
        for key in group:
            if attendants - {key}:
                yield key, (True, since_ns)

    def _shown(self, process: ProcessKey, look: _Look, last: Iterable[LoopRow]) -> Iterator[LoopRow]:
        before = {row.key: row for row in last if row.did.is_at_rest}
        alive = process in self._alive
        for key in self._by_process[process]:
            row = self._row(key, look, alive=alive)
            if row is not None:
                yield was if before and (was := before.get(key)) == row else row

    def _row(self, key: LoopKey, look: _Look, *, alive: bool) -> LoopRow | None:
        """None: the loop is over, and did nothing in the window."""
        known, mark = self.known, look.mark
        total, then = known.counts.get(key, _NONE), mark.counts.get(key, _NONE)
        turn, turn_then = known.turns.get(key) if alive else None, mark.turns.get(key)
        instance = look.live.get(key.file)
        since_ns = instance.since_ns if instance and (instance.created_ns or 0) == key.created_ns else None
        if turn and turn.returned_ns and key.file and since_ns is None and (key.created_ns or look.is_complete):
            # The instance is gone: its thread does not come back to it, and is not late. Of one that is older than the
            # trace only a census by addresses tells that.
            turn = None
        acted = total is not then and total != then
        if not (acted or turn or (alive and since_ns is not None and (key in self._loops or key in known.turns))):
            return None
        if acted:
            times = known.times.get(key, NO_TIMES), mark.times.get(key, NO_TIMES), look.longest.get(key, NO_TIMES)
            did = RisenActivity(total, then, *times, turn, turn_then, look.span)
        else:
            since = (turn_then, look.span) if turn != turn_then else (turn, _NO_SPAN)
            did = RisenActivity(total, total, NO_TIMES, NO_TIMES, NO_TIMES, turn, *since)
        return LoopRow(
            key,
            since_ns,
            turn.name if turn else self._name(key),
            did,
            turn,
            turn is None and alive and _thread(key) in self._threads,
            *(look.attended.get(key, _ALONE) if look.attended else _ALONE),
            self._late.get(key),
        )

    def _name(self, key: LoopKey) -> str:
        """Of a thread, by its last turn."""
        turn = self.known.turns.get(key)
        return turn.name if turn else self._names.get(key, "")


_NONE, _NO_SPAN = LoopCounts(), Span(0, 0, 0.0)
_ALONE = (False, None)
_BY_THREAD = operator.attrgetter("tid", "file", "created_ns")


def _leave(groups: dict[Group, dict[LoopKey, None]], group: Group, key: LoopKey) -> None:
    del groups[group][key]
    if not groups[group]:
        del groups[group]


def _is_untimed(turn: Turn | None) -> bool:
    return turn is not None and not (turn.entered_ns or turn.returned_ns)


def _thread(key: LoopKey) -> tuple[int, ...]:
    return key.process.pid, key.tid, key.thread_start_ns


def _is_lively(row: LoopRow) -> bool:
    """Whether something happened in its window, or may have ended."""
    return row.turn is None or not row.did.is_at_rest
