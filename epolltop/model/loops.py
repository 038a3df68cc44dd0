"""Event loops: what each thread did with each instance that it waits on.

What is in progress counts. Up to an instant a loop has waited for as long as its waits that have ended, and the part of
the present one; a window has the difference between its end and its beginning. The same holds for the time away.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from epolltop.model.batch import TABLES, Batch
from epolltop.model.instance import Instance
from epolltop.model.loop_activity import LoopCounts, LoopKey, LoopTimes, Turn
from epolltop.model.loop_row import KnownTimes, LoopRow
from epolltop.model.loop_times import RisenTimes, ended, followed_by, highest
from epolltop.model.loops_window import LoopsMark, LoopsWindow
from epolltop.model.process import ProcessKey
from epolltop.model.rates import counted
from epolltop.model.tally import Tally

Group = TypeVar("Group")

GONE_MAX = 10_000
"""Loops without thread or instance that are kept for windows which show them: 10 MB. Of more the last are kept."""


class _Look(NamedTuple):
    """What rows are made for."""

    longest: Mapping[LoopKey, LoopTimes]
    mark: LoopsMark
    live: Mapping[int, Instance]
    attended: Mapping[LoopKey, tuple[bool, int | None]]
    """Of loops whose instance others wait on, too, see `_attended`."""


class Loops:
    """All that are known."""

    def __init__(self) -> None:
        self._tally: Tally[LoopKey] = Tally(TABLES["loops"])
        self._times: dict[LoopKey, LoopTimes] = {}
        self._past_times: dict[LoopKey, LoopTimes] = {}  # of those: what is in the kernel no more
        self._turns: Mapping[LoopKey, Turn] = {}  # in the last batch
        self._names: dict[LoopKey, str] = {}  # of those that are in no turn
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
        self._tally.apply(rises, _itself)
        self._note({key.process for key in rises})
        for key, rise in rises.items():
            told = batch.loop_times.get(key)
            if told is None:
                continue
            if isinstance(rise, LoopCounts) and key in self._times:  # all that there is: it began anew
                self._past_times[key] = self._times[key]
            past = self._past_times.get(key) if self._past_times else None
            self._times[key] = told if past is None else followed_by(past, told)
            for window in windows:
                longest = window.longest.get(key)
                window.longest[key] = told if longest is None else highest(told, longest)
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
            for known in (self._times, self._past_times, self._names, self._gone):
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
        look = _Look(window.longest, mark, live, attended)
        for process in processes:
            if process not in self._by_process:
                continue
            shown = before.get(process)
            if shown is None or process in lively or self._changed[process] > window.changes:
                shown = tuple(self._shown(process, look, {row.key: row for row in shown or ()}))
                if any(map(_is_lively, shown)):
                    window.lively.add(process)
            window.shown[process] = shown
        window.changes, window.begin_ns = self._changes, mark.now_ns
        return dict(window.shown)

    def _note(self, changed: Iterable[ProcessKey]) -> None:
        self._changes += 1
        self._changed.update((process, self._changes) for process in changed if process in self._by_process)

    def _follow_turns(self, batch: Batch) -> None:
        before, self._turns = self._turns, batch.turns
        turned = {
            key: turn for key, turn in batch.turns.items() if turn is not (was := before.get(key)) and turn != was
        }
        self._note({key.process for key in itertools.chain(turned, before.keys() - batch.turns.keys())})
        for key in before.keys() - batch.turns.keys():
            self._names[key] = before[key].name
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

    def _shown(self, process: ProcessKey, look: _Look, last: Mapping[LoopKey, LoopRow]) -> Iterator[LoopRow]:
        for key in sorted(self._by_process[process], key=_BY_THREAD):
            row, before = self._row(key, look), last.get(key)
            if row is not None:
                yield before if before == row else row

    def _row(self, key: LoopKey, look: _Look) -> LoopRow | None:
        """None: the loop is over, and did nothing in the window."""
        mark, alive = look.mark, key.process in self._alive
        total: LoopCounts = self._tally.of(key)
        then = mark.counts.get(key, self._tally.none)
        turn, turn_then = self._turns.get(key) if alive else None, mark.turns.get(key)
        instance = look.live.get(key.file)
        since_ns = instance.since_ns if instance and (instance.created_ns or 0) == key.created_ns else None
        if turn and turn.returned_ns and key.created_ns and since_ns is None:
            # The instance is gone: its thread does not come back to it, and is not late. Of one that is older than the
            # trace that is not certain: a census by /proc does not know it by its address.
            turn = None
        acted = total is not then and total != then
        if not (acted or turn or (alive and since_ns is not None and key in self._present)):
            return None
        moved = acted or turn != turn_then
        return LoopRow(
            key,
            since_ns,
            turn.name if turn else self._name(key),
            counted(total, then if moved else total, (self._now_ns - mark.now_ns) / 1e9),
            self._risen(key, look) if acted else _NO_ROW_TIMES,
            *(ended(total, then, turn, turn_then, begin_ns=mark.now_ns, since_ns=self._since_ns) if moved else (0, 0)),
            turn,
            turn is None and alive and _thread(key) in self._threads,
            *(look.attended.get(key, _ALONE) if look.attended else _ALONE),
        )

    def _name(self, key: LoopKey) -> str:
        """Of a thread, by its last turn."""
        turn = self._turns.get(key)
        return turn.name if turn else self._names.get(key, "")

    def _risen(self, key: LoopKey, look: _Look) -> RisenTimes:
        times, then = self._times.get(key, _NO_TIMES), look.mark.times.get(key, _NO_TIMES)
        return RisenTimes(times, then, look.longest.get(key, _NO_TIMES))


_NO_TIMES, _NO_ROW_TIMES = LoopTimes(), KnownTimes()
_ALONE = (False, None)
_BY_THREAD = operator.attrgetter("tid", "file", "created_ns")


def _leave(groups: dict[Group, dict[LoopKey, None]], group: Group, key: LoopKey) -> None:
    del groups[group][key]
    if not groups[group]:
        del groups[group]


def _itself(key: LoopKey) -> LoopKey:
    return key


def _thread(key: LoopKey) -> tuple[int, ...]:
    return key.process.pid, key.tid, key.thread_start_ns


def _is_lively(row: LoopRow) -> bool:
    """Whether something happened in its window, or may have ended."""
    return row.turn is None or any(row.counted.rises) or bool(row.waited_ns or row.was_away_ns)


def _waited_longer(counts: LoopCounts, by_ns: int) -> LoopCounts:
    return counts._replace(waiting_ns=counts.waiting_ns + by_ns)
