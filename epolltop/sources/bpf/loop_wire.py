"""Bytes of loops and turns in bpf/wire.h to records, and back. The only module that knows their layout."""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping

from epolltop.model.loop_activity import TIME_BUCKETS, LoopCounts, LoopKey, LoopTimes, Turn, WaitCall
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.proc.procfs import WaitingThread
from epolltop.text.safe import safe

LOOP = struct.Struct("=QQQQII")
THREAD = struct.Struct("=I")
"""Key of the map threads."""
TURN = struct.Struct(f"={LOOP.size}s8xQQqQ16xQIIIiI52x16s")
_COUNTERS, _MAXIMA = len(LoopCounts._fields), 4
MAXIMA = struct.Struct(f"={_MAXIMA}Q")
LOOP_COUNTS = struct.Struct(f"={_COUNTERS + 2 * _MAXIMA + 3 * TIME_BUCKETS}Q")
_MAXIMA_AT = _COUNTERS
_WAITING_AT = _MAXIMA_AT + 2 * _MAXIMA
_AWAY_AT = _WAITING_AT + TIME_BUCKETS
_POLL_DELAY_AT = _AWAY_AT + TIME_BUCKETS

_CALLS: Mapping[int, WaitCall] = {int(call): call for call in WaitCall}
_TIMEOUT_INFINITE = -1


def loop_key(raw: bytes) -> LoopKey:
    """A struct loop."""
    file, created_ns, start_ns, thread_start_ns, tgid, tid = LOOP.unpack(raw)
    return LoopKey(file, created_ns, ProcessKey(tgid, start_ns // NS_PER_TICK), tid, thread_start_ns)


def counted(raw: bytes, tick: int) -> tuple[LoopCounts, LoopTimes]:
    """A struct loop_counts.

    Args:
        raw: its bytes.
        tick: whose maxima are wanted, one that is over.
    """
    numbers = LOOP_COUNTS.unpack(raw)
    longest = _MAXIMA_AT + _MAXIMA * (tick & 1)
    maxima = numbers[longest + 1 : longest + _MAXIMA] if numbers[longest] == tick else ()
    times = LoopTimes(
        numbers[_WAITING_AT:_AWAY_AT], numbers[_AWAY_AT:_POLL_DELAY_AT], numbers[_POLL_DELAY_AT:], *maxima
    )
    return LoopCounts._make(numbers[:_MAXIMA_AT]), times


def turn_loop(raw: bytes) -> bytes:
    """The struct loop in a struct turn."""
    return raw[: LOOP.size]


def turn(raw: bytes) -> Turn:
    """A struct turn."""
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


def earlier_turn(instance: tuple[int, int], process: ProcessKey, thread: WaitingThread) -> bytes:
    """The struct turn of a thread that entered a wait before the trace.

    Args:
        instance: that it waits on, file and time of creation.
        process: that the thread is of.
        thread: and its wait.
    """
    wait = thread.wait
    loop = LOOP.pack(*instance, process.start * NS_PER_TICK, thread.start * NS_PER_TICK, process.pid, thread.tid)
    timeout_ns = _TIMEOUT_INFINITE if wait.timeout_ns is None else wait.timeout_ns
    return TURN.pack(loop, 0, 0, timeout_ns, wait.events, 0, 0, 0, 0, wait.maxevents, wait.call, thread.comm)
