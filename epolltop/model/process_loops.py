"""The rows of the loops of a process, and what is asked about all of them, which is worked out once."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epolltop.model.instance_key import InstanceKey
from epolltop.model.loop_activity import LoopCounts, Turn, WaitCall
from epolltop.model.loop_row import Activity, LoopRow


class Worst(NamedTuple):
    """The highest that one of the loops has at a moment; None if it is known of none."""

    busy: float | None
    lag_ns: int | None


class Stir(NamedTuple):
    """What makes a loop one that did something: it reached one of these in a window."""

    waits: int
    """That returned; at least 1."""
    ns: int
    """Its longest time away, the present one included; at least 1."""


class Delayed(NamedTuple):
    """A loop that came back late from a wait that met its timeout."""

    at: int
    """Its place."""
    timeouts: int
    """Its waits that met their timeout in the window."""
    p99_ns: int
    """By how much these exceeded it, 99th percentile."""
    runq_ns: float
    """How long it waited for a CPU after waits in the window, in all; 0 also where the kernel does not tell."""


class Woken(NamedTuple):
    """A loop that got a CPU late after events or timeouts had woken it."""

    at: int
    """Its place."""
    sleeps: int
    """Its waits that it slept in, of those that ended in the window."""
    mean_ns: int
    """How late."""


class ProcessLoops(Sequence[LoopRow]):
    """By thread."""

    def __init__(self, rows: Iterable[LoopRow] = ()) -> None:
        """Takes rows that somebody has made."""
        self._given = tuple(rows)
        self._worst_then: tuple[tuple[int, int], Worst] | None = None

    @functools.cached_property
    def rows(self) -> tuple[LoopRow, ...]:
        return self._made()

    def _made(self) -> tuple[LoopRow, ...]:
        return self._given

    @property
    def any_shared(self) -> bool:
        """Whether several threads wait on an instance."""
        return any([row.shared for row in self.rows])

    @property
    def any_late(self) -> bool:
        """Whether it is known of one what it does, away for long."""
        return any([row.late_now is not None for row in self.rows])

    @functools.cached_property
    def ways_to_wait(self) -> Mapping[tuple[WaitCall, int], tuple[int, Turn]]:
        """By call and most events: the most waits of a loop that waits in this way, and the turn of one."""
        ways: dict[tuple[WaitCall, int], tuple[int, Turn]] = {}
        for counts, turn in self._waits():
            if turn:
                way = turn.call, turn.maxevents
                if way not in ways or ways[way][0] < counts.waits:
                    ways[way] = counts.waits, turn
        return {way: (waits, Turn._make(turn)) for way, (waits, turn) in ways.items()}

    def worst(self, begin_ns: int, now_ns: int) -> Worst:
        """At the end of a window, what is in progress included.

        Args:
            begin_ns: when the window began that the rows were made for.
            now_ns: when it ends.
        """
        window, then = (begin_ns, now_ns), self._worst_then
        if then is None or then[0] != window:
            then = self._worst_then = window, self._worst(*window)
        return then[1]

    def row(self, at: int) -> LoopRow:
        """The row at a place, without making those of the others."""
        return self.rows[at]

    def stirred(self, stir: Stir, now_ns: int) -> Iterable[int]:
        """The places of those that did something in the window, which ends at now_ns."""
        return (at for at, row in enumerate(self.rows) if _is_stirred(row, stir, now_ns))

    @property
    def on_instances(self) -> Iterable[InstanceKey]:
        """The instance that each waits on."""
        return (row.instance_key for row in self.rows)

    @property
    def brought(self) -> Iterable[tuple[float, float]]:
        """How many events each got in the window, and in how many waits."""
        return ((row.did.rise("events"), row.did.rise("wakes")) for row in self.rows)

    @functools.cached_property
    def poll_delay_max_ns(self) -> int | None:
        """The most by which a wait of one exceeded its timeout in the window; None: none met one that was measured."""
        return self._poll_delay_max_ns() or None

    def _poll_delay_max_ns(self) -> int:
        """Likewise; 0: none."""
        return max([row.did.poll_delay_max_ns for row in self.rows], default=0)

    def delayed(self, ns: int) -> Iterable[Delayed]:
        """Those of which a wait exceeded its timeout by so much, which is at least 1."""
        return (delayed(at, row.did) for at, row in enumerate(self.rows) if row.did.poll_delay_max_ns >= ns)

    def woken_late(self, ns: int) -> Iterable[Woken]:
        """Those that got a CPU so late on average, which is at least 1."""
        rises = ((row.did.rise("slept"), row.did.rise("wake_runq_ns")) for row in self.rows)
        return woken_late(enumerate(rises), ns)

    def changed_since(self, before: ProcessLoops) -> int:
        """How many of the loops are others, or did something."""
        known = set(map(id, before._parts))
        return sum([id(part) not in known for part in self._parts])

    @property
    def _parts(self) -> Collection[object]:
        """An object for each loop. While it does nothing that is the same one."""
        return self.rows

    def _waits(self) -> Iterable[tuple[LoopCounts, Turn | None]]:
        return ((row.did.total, row.turn) for row in self.rows)

    def _worst(self, begin_ns: int, now_ns: int) -> Worst:
        busy = [share for row in self.rows if (share := row.busy(begin_ns, now_ns)) is not None]
        lags = [lag_ns for row in self.rows if (lag_ns := row.lag_ns(now_ns)) is not None]
        return Worst(max(busy, default=None), max(lags, default=None))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[LoopRow]:
        return iter(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, ProcessLoops) and self.rows == other.rows)

    def __hash__(self) -> int:
        return hash(self.rows)


def _is_stirred(row: LoopRow, stir: Stir, now_ns: int) -> bool:
    left_ns = row.turn.returned_ns if row.turn else 0
    if 0 < left_ns <= now_ns - stir.ns or row.did.rise("waits") >= stir.waits:
        return True
    return row.did.away_max_ns >= stir.ns


def woken_late(rises: Iterable[tuple[int, tuple[float, float]]], ns: int) -> Iterator[Woken]:
    """Those of some loops.

    Args:
        rises: the place of each, how often it slept in the window, and for how long it then waited for a CPU in all.
        ns: how late these are on average, at least.
    """
    for at, (sleeps, waited_ns) in rises:
        if sleeps > 0 and waited_ns >= ns * sleeps:
            yield Woken(at, round(sleeps), round(waited_ns / sleeps))


def delayed(at: int, did: Activity) -> Delayed:
    """What the histogram of a loop tells."""
    delay = did.poll_delay
    return Delayed(at, delay.total, delay.quantile(0.99) or 0, did.rise("wake_runq_ns"))


NO_LOOPS = ProcessLoops()
