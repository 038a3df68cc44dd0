"""What the probe epoll_wait keeps of loops: read once a poll, decoded where it changed, deleted when it is over.

Many loops do nothing from one poll to the next. Comparing the bytes of one takes 0.5 us, decoding it 2 us.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from epolltop.bcc.program import Program
from epolltop.model.holding import Census, Holding
from epolltop.model.loop_activity import LoopCounts, LoopKey, Turn
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.proc.procfs import Procfs
from epolltop.sources.bpf import loop_wire
from epolltop.sources.bpf.earlier_waits import EarlierWaits
from epolltop.sources.bpf.loop_wire import WireTimes
from epolltop.sources.bpf.table_reader import TableReader
from epolltop.sources.bpf.wire import FILE, LIVE_INSTANCE, NUMBER

_THREADS, _INSTANCES = 200, 2000
"""Threads, and instances, of which it is asked a poll whether they are there still: 2 ms, and 4 ms."""

_NONE = LoopCounts()

Item = TypeVar("Item")


class _LoopEntry(NamedTuple):
    key: LoopKey
    counts: LoopCounts
    times: WireTimes
    is_quiet: bool
    """It was so a poll ago."""


class _TurnEntry(NamedTuple):
    raw: bytes
    loop: bytes
    key: LoopKey
    turn: Turn
    is_quiet: bool


class LoopMaps(TableReader):
    """The maps threads and loops."""

    def __init__(self, program: Program, procfs: Procfs) -> None:
        self._program = program
        self._has_ended = procfs.has_ended
        self._loop_map = program.table("loops", loop_wire.LOOP, loop_wire.LOOP_COUNTS)
        self._thread_map = program.table("threads", loop_wire.THREAD, loop_wire.TURN)
        self._live_instances = program.table("live_instances", FILE, LIVE_INSTANCE)
        self._loops: dict[bytes, _LoopEntry] = {}
        self._threads: dict[bytes, _TurnEntry] = {}
        self._tick = 0
        self._earlier = EarlierWaits(self._thread_map, procfs)
        self._old = _OldInstances()
        self._generation = 0
        self._lasting: set[bytes] = set()
        """Loops whose instances are not released, until there is another generation or census."""
        self._next_threads = _InTurn[tuple[bytes, LoopKey]](_THREADS)
        self._next_instances = _InTurn[bytes](_INSTANCES)

    def read(self, census: Census | None) -> None:
        over, self._tick = self._tick, self._tick + 1
        self._program.set_element("tick", NUMBER.pack(self._tick))
        self._earlier.look(census, self._threads)
        # A thread that has a loop has a turn, so that turns are read later.
        self._loops = {key: self._loop(key, raw, over) for key, raw in self._loop_map.raw_items()}
        self._threads = {tid: self._thread(tid, raw) for tid, raw in self._thread_map.raw_items()}
        if census is not None and self._old.is_news(census):
            self._lasting.clear()

    def processes(self) -> set[ProcessKey]:
        return {each.key.process for each in self._threads.values()}

    def members(self, alive: Container[ProcessKey]) -> Mapping[str, Mapping[Any, Any]]:
        self._forget_threads(alive)
        self._forget_loops()
        loops = self._loops.values()
        turns = {each.key: each.turn for each in self._threads.values()}
        counts = {each.key: each.counts for each in loops}
        counts.update(dict.fromkeys(turns.keys() - counts.keys(), _NONE))
        return {"loops": counts, "loop_times": {each.key: each.times for each in loops}, "turns": turns}

    def refused(self) -> int:
        return self._program.element("loops_refused", NUMBER)[0]

    def _loop(self, key: bytes, raw: bytes, tick: int) -> _LoopEntry:
        before = self._loops.get(key)
        if before is None or before.times.raw != raw:
            known = before.key if before else loop_wire.loop_key(key)
            return _LoopEntry(known, loop_wire.counted(raw), WireTimes(raw, tick), False)
        return before if before.is_quiet else before._replace(times=WireTimes(raw, loop_wire.NEVER), is_quiet=True)

    def _thread(self, tid: bytes, raw: bytes) -> _TurnEntry:
        before = self._threads.get(tid)
        if before is not None and before.raw == raw:
            return before if before.is_quiet else before._replace(is_quiet=True)
        loop = loop_wire.turn_loop(raw)
        known = self._loops.get(loop)
        return _TurnEntry(raw, loop, known.key if known else loop_wire.loop_key(loop), loop_wire.turn(raw), False)

    def _forget_threads(self, alive: Container[ProcessKey]) -> None:
        """Deletes the turns of threads that have ended and did nothing since the last poll.

        A thread that waits has not ended, unless its process has.
        """
        quiet = [(tid, each) for tid, each in self._threads.items() if each.is_quiet]
        absent = {process for process in {each.key.process for _, each in quiet} if process not in alive}
        ended = {process for process in absent if self._has_ended(process)}
        gone = [tid for tid, each in quiet if each.key.process in ended] if ended else []
        away = [(tid, each.key) for tid, each in quiet if each.turn.returned_ns and each.key.process not in absent]
        gone += [tid for tid, key in self._next_threads.of(away) if self._has_ended(_thread_as_process(key))]
        for tid in gone:
            self._thread_map.delete(tid)
            del self._threads[tid]

    def _forget_loops(self) -> None:
        """Deletes what did nothing since the last poll, and will not: its thread or its instance is gone."""
        quiet = [(raw, each.key) for raw, each in self._loops.items() if each.is_quiet]
        present = {each.loop for each in self._threads.values()} if quiet else set()
        quiet = [(raw, key) for raw, key in quiet if raw not in present]
        threads = {(each.key.tid, each.key.thread_start_ns) for each in self._threads.values()} if quiet else set()
        gone = [raw for raw, key in quiet if (key.tid, key.thread_start_ns) not in threads]
        left = [raw for raw, key in quiet if (key.tid, key.thread_start_ns) in threads]
        gone += self._released(left)
        for raw in gone:
            self._loop_map.delete(raw)
            del self._loops[raw]

    def _released(self, loops: Iterable[bytes]) -> list[bytes]:
        """Those whose instances are released. That begins another generation of instances."""
        (generation,) = self._program.element("generation", NUMBER)
        if generation != self._generation:
            self._generation, self._lasting = generation, set()
        asked = list(self._next_instances.of([raw for raw in loops if raw not in self._lasting]))
        released = [raw for raw in asked if self._is_released(self._loops[raw].key)]
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
