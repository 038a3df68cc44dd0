"""What the probe epoll_wait keeps of loops: read once a poll, decoded where it changed, deleted when it is over."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from epolltop.bcc.program import Program
from epolltop.model.holding import Census, Holding
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf import loop_wire
from epolltop.sources.bpf.earlier_waits import EarlierWaits
from epolltop.sources.bpf.live_instance_map import live_instances
from epolltop.sources.bpf.loop_wire import WireCounts, WireTimes, WireTurn
from epolltop.sources.bpf.map_changes import MapChanges
from epolltop.sources.bpf.table_reader import TableReader
from epolltop.sources.bpf.wire import FILE, NUMBER

_THREADS, _INSTANCES = 200, 2000
"""Threads, and instances, of which it is asked a poll whether they are there still: 2 ms, and 4 ms."""

_NONE = WireCounts(bytes(loop_wire.LOOP_COUNTS.size))

Item = TypeVar("Item")


class LoopMaps(TableReader):
    """The maps threads and loops."""

    def __init__(self, program: Program, procfs: Procfs) -> None:
        self._program = program
        self._has_ended = procfs.has_ended
        self._loop_map = MapChanges(program.table("loops", loop_wire.LOOP, loop_wire.LOOP_COUNTS))
        threads = program.table("threads", loop_wire.THREAD, loop_wire.TURN)
        self._thread_map = MapChanges(threads)
        self._live_instances = live_instances(program)
        self._keys = _Keys()
        self._counts: dict[LoopKey, WireCounts] = {}
        self._times: dict[LoopKey, WireTimes] = {}
        self._turns: dict[LoopKey, WireTurn] = {}
        self._loop_of: dict[bytes, bytes] = {}  # of each thread, that of its turn
        self._away: dict[bytes, None] = {}  # threads that do not wait
        self._left: list[bytes] | None = []  # loops that are of no turn; None: to be found out
        self._told: Mapping[LoopKey, WireCounts] = {}
        self._tick = 0
        self._earlier = EarlierWaits(threads, procfs)
        self._old = _OldInstances()
        self._generation = 0
        self._lasting: set[bytes] = set()
        """Loops whose instances are not released, until there is another generation or census."""
        self._next_threads = _InTurn[tuple[bytes, LoopKey]](_THREADS)
        self._next_instances = _InTurn[bytes](_INSTANCES)

    def read(self, census: Census | None) -> None:
        over, self._tick = self._tick, self._tick + 1
        self._program.set_element("tick", NUMBER.pack(self._tick))
        self._earlier.look(census, self._thread_map.raw)
        # A thread that has a loop has a turn, so that turns are read later.
        self._loop_map.read()
        self._thread_map.read()
        self._take_loops(over)
        self._take_threads()
        if census is not None and self._old.is_news(census):
            self._lasting.clear()

    def processes(self) -> set[ProcessKey]:
        return {key.process for key in self._turns}

    def members(self, alive: Container[ProcessKey]) -> Mapping[str, Mapping[Any, Any]]:
        """While nothing changes, its mappings are the same objects."""
        self._forget_threads(alive)
        self._forget_loops()
        return {"loops": self._all_counts(), "loop_times": self._times, "turns": self._turns}

    def refused(self) -> int:
        return self._program.element("loops_refused", NUMBER)[0]

    def _all_counts(self) -> Mapping[LoopKey, WireCounts]:
        """Those of loops that only wait, too."""
        uncounted = [key for key in self._turns if key not in self._counts]
        told = {**self._counts, **dict.fromkeys(uncounted, _NONE)} if uncounted else self._counts
        if told is not self._told and told != self._told:
            self._told = told
        return self._told

    def _take_loops(self, tick: int) -> None:
        """Decodes what changed.

        Args:
            tick: whose maxima are wanted.
        """
        changes = self._loop_map
        if not (changes.moved or changes.stopped):
            return
        counts, times, known = dict(self._counts), dict(self._times), len(self._counts)
        keys = list(map(self._keys.__getitem__, changes.moved))
        counts.update(zip(keys, map(WireCounts, changes.moved.values()), strict=True))
        times.update((key, WireTimes(value, tick)) for key, value in zip(keys, changes.moved.values(), strict=True))
        for raw in changes.stopped:
            times[self._keys[raw]] = WireTimes(changes.raw[raw], loop_wire.NEVER)
        self._counts, self._times = counts, times
        if len(counts) > known:
            self._left = None

    def _take_threads(self) -> None:
        changes = self._thread_map
        if not changes.moved:
            return
        turns, moved, loop_of = dict(self._turns), changes.moved, self._loop_of
        loops = list(map(loop_wire.turn_loop, moved.values()))
        went = [(tid, loop) for tid, loop in zip(moved, loops, strict=True) if loop != loop_of.get(tid)]
        for tid, loop in went:
            if tid in loop_of:
                turns.pop(self._keys[loop_of[tid]], None)
            loop_of[tid], self._left = loop, None
        told = list(map(WireTurn, moved.values()))
        turns.update(zip([self._keys[loop_of[tid]] for tid in moved], told, strict=True))
        self._away = {tid: None for tid in self._away if tid not in moved}
        self._away.update((tid, None) for tid, turn in zip(moved, told, strict=True) if turn.returned_ns)
        self._turns = turns

    def _forget_threads(self, alive: Container[ProcessKey]) -> None:
        """Deletes the turns of threads that have ended and did nothing since the last poll.

        A thread that waits has not ended, unless its process has.
        """
        moved = self._thread_map.moved
        absent = {process for process in self.processes() if process not in alive}
        ended = {process for process in absent if self._has_ended(process)}
        quiet = [(tid, self._keys[loop]) for tid, loop in self._loop_of.items() if tid not in moved] if ended else []
        gone = [tid for tid, key in quiet if key.process in ended]
        away = [(tid, self._keys[self._loop_of[tid]]) for tid in self._away if tid not in moved]
        away = [(tid, key) for tid, key in away if key.process not in absent]
        gone += [tid for tid, key in self._next_threads.of(away) if self._has_ended(_thread_as_process(key))]
        for tid in gone:
            self._thread_map.delete(tid)
            self._away.pop(tid, None)
        if gone:
            over = {self._keys[self._loop_of.pop(tid)] for tid in gone}
            self._turns = {key: turn for key, turn in self._turns.items() if key not in over}
            self._left = None

    def _forget_loops(self) -> None:
        """Deletes what did nothing since the last poll, and will not: its thread or its instance is gone."""
        if self._left is None:
            present = set(self._loop_of.values())
            self._left = [raw for raw in self._loop_map.raw if raw not in present]
            known = present.union(self._loop_map.raw)
            if len(self._keys) > len(known):
                self._keys = _Keys({raw: key for raw, key in self._keys.items() if raw in known})
        quiet = [raw for raw in self._left if raw not in self._loop_map.moved]
        threads = {(key.tid, key.thread_start_ns) for key in self._turns} if quiet else set()
        left = [raw for raw in quiet if (self._keys[raw].tid, self._keys[raw].thread_start_ns) in threads]
        gone = {*quiet} - {*left}
        gone.update(self._released(left))
        for raw in gone:
            self._loop_map.delete(raw)
        if gone:
            keys, self._left = {self._keys[raw] for raw in gone}, None
            self._counts = {key: counts for key, counts in self._counts.items() if key not in keys}
            self._times = {key: times for key, times in self._times.items() if key not in keys}

    def _released(self, loops: Iterable[bytes]) -> list[bytes]:
        """Those whose instances are released. That begins another generation of instances."""
        (generation,) = self._program.element("generation", NUMBER)
        if generation != self._generation:
            self._generation, self._lasting = generation, set()
        asked = list(self._next_instances.of([raw for raw in loops if raw not in self._lasting]))
        released = [raw for raw in asked if self._is_released(self._keys[raw])]
        self._lasting |= set(asked).difference(released)
        return released

    def _is_released(self, key: LoopKey) -> bool:
        noted = self._live_instances.get(FILE.pack(key.file))
        if key.created_ns:
            return noted is None or noted[0] != key.created_ns
        return key.file != 0 and (noted is not None or self._old.has_gone(key.file))


def _thread_as_process(key: LoopKey) -> ProcessKey:
    """A thread has a directory in /proc, too."""
    return ProcessKey(key.tid, key.thread_start_ns // NS_PER_TICK)


class _Keys(dict[bytes, LoopKey]):
    """Of each struct loop, the same object each time, so that it is found by identity."""

    def __missing__(self, loop: bytes) -> LoopKey:
        key = self[loop] = loop_wire.loop_key(loop)
        return key


class _InTurn(Generic[Item]):
    """Some of a list, others each time."""

    def __init__(self, most: int) -> None:
        self._most, self._begin = most, 0

    def of(self, items: Collection[Item]) -> Iterator[Item]:
        begin = self._begin if self._begin < len(items) else 0
        self._begin = begin + self._most
        return itertools.islice(items, begin, self._begin)


class _OldInstances:
    """Files of instances that are older than the trace, by the last census that names files by address."""

    def __init__(self) -> None:
        self._holdings: Collection[Holding] = ()
        self._files: frozenset[int] | None = None

    def is_news(self, census: Census) -> bool:
        """Takes it in; whether it tells anything new."""
        if not census.by_address or census.cut or census.holdings is self._holdings:
            return False
        self._holdings, self._files = census.holdings, None
        return True

    def has_gone(self, file: int) -> bool:
        """Whether no descriptor shows it. If it is in flight, what it does later is counted anew."""
        if self._files is None:
            self._files = frozenset(each.file for each in self._holdings if not each.created_ns)
        return bool(self._holdings) and file not in self._files
