"""The loops of a process in a window: columns of what is known at both ends. Rows are made when they are looked at.

Of ten thousand loops that act in each second few are on the screen, and a row takes 4 us. What a table of processes
asks about all of them is worked out from the columns: that takes 1 us a loop, and nothing is decoded for it.
Whoever looks at rows may do so in another thread: nothing that they are made of changes.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epolltop.model.instance_key import InstanceKey
from epolltop.model.late_look import LateLook
from epolltop.model.loop_activity import LoopCounts, LoopKey, ToldTimes, Turn, WaitCall
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_state import States
from epolltop.model.loop_times import RisenActivity, ended
from epolltop.model.process_loops import Delayed, ProcessLoops, Stir, Woken, Worst, delayed, woken_late

_NONE = (None, None, None)
_NOTHING = (0, 0)
_FEW = 100
"""Of fewer values the highest is the 99th percentile."""
_FILE = operator.attrgetter("file")
_ENTERED, _RETURNED, _WAITING, _AWAY = map(operator.attrgetter, ("entered_ns", "returned_ns", "waiting_ns", "away_ns"))


class Look(NamedTuple):
    """What the rows of all processes are made for."""

    begin_ns: int
    """When the window began."""
    over_s: float
    """How long it is."""
    since_ns: int
    """When counting began."""
    attended: Mapping[LoopKey, int | None]
    """Loops whose instance others wait on, too: since when none of its threads does; None while one does."""
    late: Mapping[LoopKey, LateLook]


class Absent(NamedTuple):
    """Of a loop without a turn, whose thread is not there."""

    thread: str
    """Its name."""
    is_elsewhere: bool


class Columns(NamedTuple):
    """Of several loops."""

    keys: tuple[LoopKey, ...]
    """By thread; the order of all columns."""
    since_ns: tuple[int | None, ...]
    """See LoopRow."""
    now: States
    """At the end of the window."""
    then: States
    """At its beginning."""
    longest: tuple[ToldTimes, ...]
    """Times whose maxima are those of the window."""

    def some(self, places: Sequence[int]) -> Columns:
        """Those at some places."""
        return Columns(
            tuple([self.keys[place] for place in places]),
            tuple([self.since_ns[place] for place in places]),
            self.now.some(places),
            self.then.some(places),
            tuple([self.longest[place] for place in places]),
        )


class MeasuredLoops(ProcessLoops):
    """Those with the same keys that rest are the same rows as before, if these were made."""

    def __init__(self, columns: Columns, absent: Mapping[LoopKey, Absent], look: Look) -> None:
        """Makes no row yet.

        Args:
            columns: of all loops.
            absent: those without a turn.
            look: what it is for.
        """
        super().__init__()
        self._keys, self._since_ns, self._now, self._then, self._longest = columns
        self._absent, self._look = absent, look
        self._before: MeasuredLoops | None = None

    def after(self, before: MeasuredLoops) -> MeasuredLoops:
        """The same, and its rows are those of an earlier snapshot where they say the same; or that one, if all do."""
        if self._rests and before._rests and self._said == before._said:
            return before
        # One at most, so that no more than that stays.
        self._before = before if before._is_made else before._before
        return self

    @property
    def _rests(self) -> bool:
        """Nothing happened in the window."""
        return self._now.are(self._then)

    @property
    def _said(self) -> tuple[Any, ...]:
        """All that the rows say if it rests."""
        attended, late = (
            {key: known[key] for key in self._keys if key in known} if known else {}
            for known in (self._look.attended, self._look.late)
        )
        return self._keys, self._since_ns, self._now.counts, self._now.turns, self._absent, attended, late

    def _made(self) -> tuple[LoopRow, ...]:
        before, self._before = self._before, None
        if before is None:
            return tuple(map(self._row, range(len(self._keys))))
        told = zip(before.rows, before._now.counts, before._now.turns, strict=True)
        known = dict(zip(before._keys, told, strict=True))
        return tuple([self._row_after(place, *known.get(key, _NONE)) for place, key in enumerate(self._keys)])

    @property
    def any_shared(self) -> bool:
        return _any(self._look.attended, self._keys)

    @property
    def any_late(self) -> bool:
        return _any(self._look.late, self._keys) and super().any_late

    def row(self, at: int) -> LoopRow:
        return self.rows[at] if self._is_made else self._row(at)

    def stirred(self, stir: Stir, now_ns: int) -> Iterator[int]:
        now, waits, ns, left_ns = self._now, stir.waits, stir.ns, now_ns - stir.ns
        columns = zip(now.counts, self._then.counts, now.turns, self._longest, strict=True)
        for at, (counts, was, turn, longest) in enumerate(columns):
            if turn and 0 < turn.returned_ns <= left_ns:
                yield at
            elif counts is not was and counts != was:
                if counts.waits - was.waits >= waits:
                    yield at
                    continue
                # Without a maximum the buckets tell.
                if (longest.maxima[1] or self._row(at).did.away_max_ns) >= ns:
                    yield at

    @property
    def on_instances(self) -> Iterable[InstanceKey]:
        return zip(map(_FILE, self._keys), [ns or 0 for ns in self._since_ns], strict=True)

    @property
    def brought(self) -> Iterator[tuple[float, float]]:
        for counts, was in zip(self._now.counts, self._then.counts, strict=True):
            if counts is was:
                yield _NOTHING
            else:
                yield counts.events - was.events, counts.wakes - was.wakes

    def _poll_delay_max_ns(self) -> int:
        columns = zip(self._now.counts, self._then.counts, self._longest, strict=True)
        delays = (
            longest.maxima[2] or self._row(at).did.poll_delay_max_ns
            for at, (counts, was, longest) in enumerate(columns)
            if counts is not was and counts.timeouts_met != was.timeouts_met
        )
        return max(delays, default=0)

    def delayed(self, ns: int) -> Iterator[Delayed]:
        columns = zip(self._now.counts, self._then.counts, self._longest, strict=True)
        for at, (counts, was, longest) in enumerate(columns):
            if counts is was or not (met := counts.timeouts_met - was.timeouts_met):
                continue
            delay_ns = longest.maxima[2]
            if delay_ns and met < _FEW and counts.unmeasured == was.unmeasured:
                if delay_ns >= ns:
                    yield Delayed(at, met, delay_ns, counts.wake_runq_ns - was.wake_runq_ns)
            elif not delay_ns or delay_ns >= ns:
                did = self._row(at).did
                if did.poll_delay_max_ns >= ns:
                    yield delayed(at, did)

    def woken_late(self, ns: int) -> Iterator[Woken]:
        columns = enumerate(zip(self._now.counts, self._then.counts, strict=True))
        rises = (
            (at, (counts.slept - was.slept, counts.wake_runq_ns - was.wake_runq_ns))
            for at, (counts, was) in columns
            if counts is not was
        )
        return woken_late(rises, ns)

    @property
    def _is_made(self) -> bool:
        return "rows" in vars(self)

    @property
    def _parts(self) -> Collection[object]:
        return self._now.counts

    def _waits(self) -> Iterable[tuple[LoopCounts, Turn | None]]:
        return zip(self._now.counts, self._now.turns, strict=True)

    def __len__(self) -> int:
        return len(self._keys)

    def _worst(self, begin_ns: int, now_ns: int) -> Worst:
        """As the rows tell it, without making one."""
        attended, now = self._look.attended, self._now
        ends = _until(now_ns, self._look.since_ns, now), _until(begin_ns, self._look.since_ns, self._then)
        away, known = (list(map(operator.sub, *columns)) for columns in zip(*ends, strict=True))
        shares = [part / max(whole, part) for part, whole in zip(away, known, strict=True) if part > 0]
        busy = max(shares, default=0.0 if max(known, default=0) > 0 else None)
        alone = [turn for key, turn in zip(self._keys, now.turns, strict=True) if turn and key not in attended]
        left = [turn.returned_ns for turn in alone if turn.returned_ns]
        here = bool(alone) or any(absent.is_elsewhere for key, absent in self._absent.items() if key not in attended)
        lag_ns = max(0, now_ns - min(left)) if left else 0
        return Worst(busy, lag_ns if here else None)

    def _row_after(self, place: int, was: LoopRow | None, counts: Any, turn: Any) -> LoopRow:
        """The same row as before, if it says the same and the loop rests."""
        key, now, then = self._keys[place], self._now, self._then
        if was is None or not was.did.is_at_rest:
            return self._row(place)
        if turn is not None and now.turns[place] is turn is then.turns[place] and not (was.shared or was.late):
            beside = key in self._look.attended or key in self._look.late
            if now.counts[place] is counts is then.counts[place] and not beside:
                return was if was.since_ns == self._since_ns[place] else self._row(place)
        row = self._row(place)
        return was if was == row else row

    def _row(self, place: int) -> LoopRow:
        key, look, turn = self._keys[place], self._look, self._now.turns[place]
        counts, was = self._now.counts[place], self._then.counts[place]
        spent = ended(look.begin_ns, look.since_ns, counts, was, turn, self._then.turns[place])
        total = LoopCounts._make(counts)
        if counts is was or counts == was:
            did = RisenActivity(total, total, *spent)
        else:
            times = self._now.times[place], self._then.times[place], self._longest[place]
            did = RisenActivity(total, LoopCounts._make(was), *spent, *times, look.over_s)
        thread, is_elsewhere = self._absent[key] if turn is None else (turn.name, False)
        return LoopRow(
            key,
            self._since_ns[place],
            thread,
            did,
            turn and Turn._make(turn),
            is_elsewhere,
            key in look.attended,
            look.attended.get(key),
            look.late.get(key),
        )


def _any(some: Collection[LoopKey], keys: Iterable[LoopKey]) -> bool:
    """Whether a key is one of some, which nearly always are none."""
    return bool(some) and any(key in some for key in keys)


def _until(at_ns: int, since_ns: int, states: States) -> tuple[list[int], list[int]]:
    """For how long each loop had been away up to an instant, and for how long it had been away or waited."""
    turns = states.turns
    if not all(turns):
        turns = tuple([turn or Turn(at_ns, 0, None, 0, WaitCall.UNKNOWN, "") for turn in turns])
    returned, ended = list(map(_RETURNED, turns)), list(map(_AWAY, states.counts))
    began = [
        left_ns or entered_ns or since_ns for left_ns, entered_ns in zip(returned, map(_ENTERED, turns), strict=True)
    ]
    parts = [at_ns - began_ns if began_ns < at_ns else 0 for began_ns in began]
    away = [past + part if left_ns else past for past, part, left_ns in zip(ended, parts, returned, strict=True)]
    known = map(operator.add, ended, map(_WAITING, states.counts))
    return away, list(map(operator.add, known, parts))
