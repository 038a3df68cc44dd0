"""Bytes of loops and turns in bpf/wire.h to records, and back. The only module that knows their layout."""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epolltop.model.instance_key import TracedKey
from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopKey, LoopTimes, Turn, WaitCall
from epolltop.model.loop_times import NO_TIMES
from epolltop.model.packed_counters import PackedCounters
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.proc.procfs import WaitingThread
from epolltop.sources.bpf.wire import STACK, first_frames
from epolltop.text.safe import safe

LOOP = struct.Struct("=QQQQII")
THREAD = struct.Struct("=I")
"""Key of the map threads."""
TURN = struct.Struct(f"={LOOP.size}s8xQQqQ24xQIIIiI52x16s")
LATE = struct.Struct(f"={LOOP.size}sQQQq5QiIBBB5x")
LATE_SAMPLE = struct.Struct(f"={LOOP.size}sQQQ{STACK.size}s")
_TURN_ASKED = struct.Struct("=8xQQ52xI4xiI")
_NUMBERS = (len(LoopCounts._fields), 1 + len(NO_TIMES.maxima), TIME_BUCKETS)
_COUNTERS, MAXIMA, _BUCKETS = (struct.Struct(f"={number}Q") for number in _NUMBERS)
LOOP_COUNTS = struct.Struct(f"={(_COUNTERS.size + 2 * MAXIMA.size + 3 * _BUCKETS.size) // 8}Q")
_ASKED = ("waits", "events", "wakes", "timeouts_met", "waiting_ns", "away_ns", "unmeasured", "slept", "wake_runq_ns")
_COUNTERS_ASKED = struct.Struct("=" + "".join("Q" if name in _ASKED else "8x" for name in LoopCounts._fields))
_MAXIMA_AT = _COUNTERS.size
_BUCKETS_AT = [_MAXIMA_AT + 2 * MAXIMA.size + histogram * _BUCKETS.size for histogram in range(3)]
NEVER = -1
"""No tick."""
_WAKING = 0x200  # include/linux/sched.h

_CALLS: Mapping[int, WaitCall] = {int(call): call for call in WaitCall}
_TIMEOUT_INFINITE = -1


def loop_key(raw: bytes) -> LoopKey:
    """A struct loop."""
    file, created_ns, start_ns, thread_start_ns, tgid, tid = LOOP.unpack(raw)
    return LoopKey(file, created_ns, _process(tgid, start_ns), tid, thread_start_ns)


@functools.lru_cache(4096)
def _process(tgid: int, start_ns: int) -> ProcessKey:
    """The same object for all loops of a process, so that keys are found by identity."""
    return ProcessKey(tgid, start_ns // NS_PER_TICK)


class WireCounts(PackedCounters):
    """The members of LoopCounts in a struct loop_counts. Only what is asked of each loop is decoded at once."""

    __slots__ = _ASKED
    count = len(LoopCounts._fields)

    def __init__(self, raw: bytes) -> None:
        self.number = int.from_bytes(raw[:_MAXIMA_AT], "little")
        (
            self.waits, self.events, self.wakes, self.timeouts_met, self.waiting_ns, self.away_ns, self.unmeasured,
            self.slept, self.wake_runq_ns,
        ) = _COUNTERS_ASKED.unpack_from(raw)  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        return getattr(LoopCounts._make(self), name)


class WireLate(NamedTuple):
    """struct late, of which `late` reads the loop."""

    key: LoopKey
    returned_ns: int
    time_ns: int
    cpu_ns: int
    runq_ns: int
    argument: int
    image: int
    ip: int
    fp: int
    link: int
    number: int
    state: int
    on_cpu: int
    throttled: int
    compat: int

    @property
    def is_runnable(self) -> bool:
        """It runs, or would if a CPU were free for it."""
        return bool(self.on_cpu) or not self.state & ~_WAKING

    @property
    def computes(self) -> bool:
        """It runs, or was interrupted while it ran outside of the kernel."""
        return bool(self.on_cpu) or (self.is_runnable and self.number < 0)


def late(raw: bytes | bytearray) -> Iterator[WireLate]:
    """What the iterator wrote."""
    for loop, *members in LATE.iter_unpack(raw):
        yield WireLate(loop_key(loop), *members)


class LateSample(NamedTuple):
    """struct late_sample."""

    key: LoopKey
    returned_ns: int
    time_ns: int
    stack: bytes
    """As `wire.stack_bytes` answers; empty if there are no frames."""


def late_sample(raw: bytes) -> LateSample:
    """One of the map late_samples."""
    loop, returned_ns, time_ns, depth, stack = LATE_SAMPLE.unpack(raw)
    return LateSample(loop_key(loop), returned_ns, time_ns, first_frames(stack, depth))


class WireTimes:
    """The members of LoopTimes, decoded when they are asked for: that takes 3 us, and few loops are on the screen."""

    __slots__ = ("_tick", "raw")

    def __init__(self, raw: bytes, tick: int) -> None:
        """Decodes nothing yet.

        Args:
            raw: a struct loop_counts.
            tick: whose maxima are wanted, one that is over.
        """
        self.raw, self._tick = raw, tick

    def __eq__(self, other: object) -> bool:
        if isinstance(other, WireTimes):
            return (self.raw, self._tick) == (other.raw, other._tick)
        return isinstance(other, LoopTimes) and tuple(self) == other

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __iter__(self) -> Iterator[Any]:
        waiting, away, poll_delay = (_BUCKETS.unpack_from(self.raw, at) for at in _BUCKETS_AT)
        return iter(LoopTimes(waiting, away, poll_delay, *self.maxima))

    @property
    def maxima(self) -> Sequence[int]:
        tick, *maxima = MAXIMA.unpack_from(self.raw, _MAXIMA_AT + MAXIMA.size * (self._tick & 1))
        return maxima if tick == self._tick else NO_TIMES.maxima


class WireTurn:
    """The members of Turn in a struct turn. Only what is asked of each turn is decoded at once."""

    __slots__ = ("call", "entered_ns", "hot_run", "maxevents", "raw", "returned_ns")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        (
            self.entered_ns, self.returned_ns, self.hot_run, self.maxevents, call,
        ) = _TURN_ASKED.unpack_from(raw, LOOP.size)  # fmt: skip
        self.call = _CALLS.get(call, WaitCall.UNKNOWN)

    def __iter__(self) -> Iterator[Any]:
        return iter(_turn(self.raw))

    def __getattr__(self, name: str) -> Any:
        return getattr(_turn(self.raw), name)


turn_loop: Callable[[bytes], bytes] = operator.itemgetter(slice(LOOP.size))
"""The struct loop in a struct turn."""


def _turn(raw: bytes) -> Turn:
    (
        _, entered_ns, returned_ns, timeout_ns, _, hot_data, hot_mask, hot_run, run, maxevents, call, comm,
    ) = TURN.unpack(raw)  # fmt: skip
    return Turn(
        entered_ns,
        returned_ns,
        None if timeout_ns == _TIMEOUT_INFINITE else timeout_ns,
        maxevents,
        _CALLS.get(call, WaitCall.UNKNOWN),
        _name(comm),
        run,
        hot_data if hot_run else None,
        hot_mask if hot_run else 0,
        hot_run,
    )


@functools.lru_cache(4096)
def _name(comm: bytes) -> str:
    """Threads keep their names from poll to poll."""
    return safe(comm.split(b"\0", 1)[0])


def earlier_turn(instance: TracedKey, process: ProcessKey, thread: WaitingThread) -> bytes:
    """The struct turn of a thread that entered a wait before the trace.

    Args:
        instance: that it waits on.
        process: that the thread is of.
        thread: and its wait.
    """
    wait = thread.wait
    loop = LOOP.pack(*instance, process.start * NS_PER_TICK, thread.start * NS_PER_TICK, process.pid, thread.tid)
    timeout_ns = _TIMEOUT_INFINITE if wait.timeout_ns is None else wait.timeout_ns
    return TURN.pack(loop, 0, 0, timeout_ns, wait.events, 0, 0, 0, 0, wait.maxevents, wait.call, thread.comm)
