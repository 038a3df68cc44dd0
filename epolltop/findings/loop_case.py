"""Loops, as rules judge them.

There may be ten thousand, of which nearly all do too little for any rule. They are told apart without their rows, each
of which takes 10 us.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from epolltop.findings.ctl_rises import ctl_per_s
from epolltop.findings.floor import NO_FLOOR, Floor
from epolltop.findings.hot_events import NO_EVENTS, HotEvent, followed
from epolltop.findings.judged_window import JudgedWindow
from epolltop.findings.kin import Kin, kin_by_instance
from epolltop.findings.of_window import OfWindow
from epolltop.findings.readings import ListReadings
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.finding import About
from epolltop.model.histogram import Histogram
from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.late_look import LateLook
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_of import LoopOf
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import Stir
from epolltop.model.process_row import ProcessRow
from epolltop.model.runtime_of import runtime_of_loop
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import InterestList, Watch


class LoopCase(OfWindow["LoopCases"]):
    """A loop."""

    def __init__(self, cases: LoopCases, process: ProcessRow, at: int) -> None:
        super().__init__(cases)
        self.process, self.at = process, at

    @cached_property
    def row(self) -> LoopRow:
        """It takes 10 us to make."""
        return self.process.loops.row(self.at)

    @property
    def loop(self) -> LoopOf:
        """The same, with its process and its instance."""
        return LoopOf(self.row, self.process, self.instance)

    @property
    def about(self) -> About:
        """The loop."""
        key = self.row.key
        return About(self.process.key, *self.row.instance_key, key.tid, key.thread_start_ns)

    @property
    def who(self) -> str:
        """As tables name it."""
        return self.loop.name

    @property
    def began_ns(self) -> int:
        return max(self.row.key.created_ns, self.row.key.thread_start_ns)

    @property
    def instance(self) -> Instance | None:
        """That it waits on."""
        return self.cases.held(self.process).get(self.instance_key)

    @property
    def interest(self) -> InterestList | None:
        """What it watches; None: that was not read."""
        return self.instance.interest if self.instance else None

    @property
    def hot_event(self) -> HotEvent | None:
        """The event that it gets first again and again, with what was seen meanwhile; None: there is none now."""
        return None if self.hot_mask is None else self.cases.hot.get(self.row.key)

    @property
    def is_active(self) -> bool:
        """It did more than wait, as far as is known."""
        return not (self.row.did.is_at_rest and self.row.is_waiting)

    @property
    def counts_waits(self) -> bool:
        """Whether a probe counted its waits, over a window."""
        return self.cases.counts_waits

    def per_s(self, counter: str) -> float | None:
        """A rate of its counters."""
        return self.row.did.rise(counter) / self.now.window_s if self.counts_waits else None

    @cached_property
    def waits_per_s(self) -> float | None:
        """Waits that returned."""
        return self.per_s("waits")

    def share(self, counter: str, of: str = "waits") -> float | None:
        """One counter as a share of another one, over the window."""
        whole = self.per_s(of)
        return (self.per_s(counter) or 0.0) / whole if whole else None

    @cached_property
    def away(self) -> Histogram:
        """Times away that ended in the window."""
        return self.row.did.away

    @cached_property
    def waiting(self) -> Histogram:
        """Waits that ended in the window."""
        return self.row.did.waiting

    def look_within(self, seconds: float) -> LateLook | None:
        """The last look at what its thread does while it is late, if it is no older than that."""
        look = self.row.late_now or self.row.late
        return look if look and (self.now.now_ns - look.at_ns) / 1e9 <= seconds else None

    @property
    def instance_key(self) -> InstanceKey:
        """Of its instance."""
        return self.cases.waited_on(self.process)[self.at]

    @property
    def kin(self) -> Kin[LoopCase] | None:
        """The workers of the program; None: there is no other one, or none did anything."""
        return self.cases.kin.get(self.instance_key)

    @property
    def away_share(self) -> float | None:
        """Share of the window that it was away for, whatever it did before and after."""
        begin_ns, now_ns = self.now.begin_ns, self.now.now_ns
        if not self.counts_waits or now_ns <= begin_ns:
            return None
        away_ns = self.row.did.was_away_ns + self.row.turn_away_ns(begin_ns, now_ns)
        return min(1.0, away_ns / (now_ns - begin_ns))

    @cached_property
    def busy(self) -> float | None:
        """Share of the window that it was away for."""
        return self.row.busy(self.now.begin_ns, self.now.now_ns) if self.counts_waits else None

    @property
    def lag_s(self) -> float | None:
        """How long it has been away now; None if other threads wait, too."""
        lag_ns = self.row.lag_ns(self.now.now_ns)
        return None if lag_ns is None else lag_ns / 1e9

    @cached_property
    def longest_away_s(self) -> float | None:
        """The longest time away of the window, the present one included; None if other threads wait, too."""
        if self.row.shared or not self.counts_waits:
            return None
        return max(self.row.did.away_max_ns / 1e9, self.lag_s or 0.0)

    @cached_property
    def runtime(self) -> str | None:
        """Name of what it runs on, if that is certain."""
        runtime = runtime_of_loop(self.loop, self.now)
        return runtime.name if runtime and runtime.certain else None

    @property
    def hot_run(self) -> int | None:
        """How many waits in a row returned the same event first; None if that is not known."""
        turn = self.row.turn
        return turn.hot_run if turn and turn.hot_data is not None else None

    @property
    def hot_mask(self) -> int | None:
        """The events that it had."""
        turn = self.row.turn
        return turn.hot_mask if turn and turn.hot_data is not None else None

    @cached_property
    def hot_watches(self) -> tuple[Watch, ...] | None:
        """The watches with the data of that event; None if the list was not read, or there is no such event."""
        turn = self.row.turn
        if turn is None or turn.hot_data is None or self.interest is None:
            return None
        return tuple(watch for watch in self.interest.watches if watch.data == turn.hot_data)

    @property
    def hot_watch(self) -> Watch | None:
        """The watch that the event is of; None if it is not known, or several have the same data."""
        found = self.hot_watches
        return found[0] if found and len(found) == 1 else None

    def ctl_per_s(self, counter: str) -> float | None:
        """Changes of the list of its instance in the window; `all` of them, or one of the counters."""
        return ctl_per_s(self.cases.ctl, self.window_s, self.row.key.traced_key, counter)

    def ctl_errors_per_s(self, errnos: Iterable[int] = ()) -> float | None:
        """Changes that failed, with one of these errnos; without any, all."""
        if self.cases.ctl_errors is None or not self.window_s:
            return None
        chosen = set(errnos)
        found = self.cases.ctl_errors.get(self.row.key.traced_key, {})
        return self._per_s(sum(number for (_, errno), number in found.items() if not chosen or errno in chosen))


class LoopCases(JudgedWindow):
    """A window with its loops."""

    def __init__(
        self,
        now: Snapshot,
        before: Snapshot | None = None,
        hot_before: Mapping[LoopKey, HotEvent] = NO_EVENTS,
        readings: ListReadings | None = None,
        floor: Floor = NO_FLOOR,
        *,
        settings: Settings = DEFAULTS,
    ) -> None:
        """Makes none yet.

        Args:
            now: the snapshot at the end of the window, with rates over it.
            before: the one at its begin; None: there was none.
            hot_before: `hot` of the window before.
            readings: of interest lists; None: what only several of them tell is not known.
            floor: loops that do less are no cases.
            settings: of the rules.
        """
        super().__init__(now, before, readings, settings=settings)
        self._hot_before, self._floor = hot_before, floor
        self._loops: dict[tuple[ProcessKey, int], LoopCase] = {}

    @cached_property
    def active_loops(self) -> Sequence[LoopCase]:
        """That did more than wait; those that did enough, if there is a floor."""
        if self._floor is NO_FLOOR:
            every = (self.loop(row, at) for row in self.looping for at in range(len(row.loops)))
            return [case for case in every if case.is_active]
        waits, ns = self._floor.waits_per_s * self.now.window_s, self._floor.time_s * 1e9
        stir = Stir(_at_most(waits), _at_most(ns))
        return [self.loop(row, at) for row in self.looping for at in row.loops.stirred(stir, self.now.now_ns)]

    @cached_property
    def active_by_process(self) -> Mapping[ProcessKey, Sequence[LoopCase]]:
        """The same, by process."""
        found: dict[ProcessKey, list[LoopCase]] = {}
        for case in self.active_loops:
            found.setdefault(case.process.key, []).append(case)
        return found

    @cached_property
    def kin(self) -> Mapping[InstanceKey, Kin[LoopCase]]:
        """The workers of each program that does enough, by each of their instances."""
        return kin_by_instance(self.looping, self._floor, self.now.window_s, self) if self.counts_waits else {}

    @cached_property
    def kindred_loops(self) -> Sequence[LoopCase]:
        """Of these workers."""
        return [case for key, kin in self.kin.items() for case in kin.by_instance[key].loops]

    @cached_property
    def hot(self) -> Mapping[LoopKey, HotEvent]:
        """The events that loops get first again and again."""
        loops = ((case.row, case.instance) for case in self.active_loops)
        return followed(self._hot_before, loops, self.now.file_calls, self.now.now_ns)

    def loop(self, row: ProcessRow, at: int) -> LoopCase:
        """That of a process at a place; the same one each time."""
        case = self._loops.get((row.key, at))
        if case is None:
            case = self._loops[row.key, at] = LoopCase(self, row, at)
        return case

    def loops_on(self, instance: Instance) -> Sequence[LoopCase]:
        """The threads of all processes that wait on an instance."""
        return [self.loop(row, at) for row, at in self._on.get(instance.key, ())]

    @cached_property
    def _on(self) -> Mapping[InstanceKey, Sequence[tuple[ProcessRow, int]]]:
        """Where these are."""
        found: dict[InstanceKey, list[tuple[ProcessRow, int]]] = {}
        for row in self.looping:
            for at, key in enumerate(self.waited_on(row)):
                found.setdefault(key, []).append((row, at))
        return found


def _at_most(number: float) -> int:
    """The integer from 1 on that is not above, if there is one; of infinity one that nothing reaches."""
    return max(1, math.floor(min(number, 1 << 62)))
