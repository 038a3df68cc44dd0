"""What a turn of a loop costs whoever waits: learned at the start, by waits of epolltop's own.

The kernel keeps statistics of BPF programs only on demand, for all programs of the machine and at their cost. So they
are kept for these few milliseconds, and what the probe costs later follows from how often it ran.
"""

from __future__ import annotations

import select
from collections.abc import Collection
from typing import NamedTuple

from epolltop.bcc.program import Program
from epolltop.sources.bpf import wire
from epolltop.sources.bpf.calibration import learned
from epolltop.sources.bpf.loop_wire import LOOP, LOOP_COUNTS, THREAD, TURN

_BATCH, _BATCHES = 200, 24
"""Waits between two looks at the statistics. The cheapest batch counts: the others were interrupted."""
_RARELY_NS = 1_000_000_000


class TurnPrice(NamedTuple):
    """Run time of the programs, in nanoseconds."""

    measured: float = 400.0
    """What is assumed where the kernel keeps no statistics."""
    sampled_out: float = 120.0


def turn_price(program: Program, hooks: Collection[tuple[str, str]]) -> TurnPrice:
    """Learns it by waits of the calling thread, while the probes look at nothing else.

    Args:
        program: after the calibration, which has found the caller.
        hooks: kind and target of those of the probe; it may have none.
    """
    if not hooks:
        return TurnPrice()
    try:
        with program.statistics():
            return _learned(program, hooks)
    except OSError:
        return TurnPrice()


def _learned(program: Program, hooks: Collection[tuple[str, str]]) -> TurnPrice:
    known = learned(program)
    with select.epoll() as own:
        program.set_element("calibration", wire.CALIBRATION.pack(*known._replace(priced=known.caller)))
        try:
            prices = [_cheapest(program, hooks, own, interval_ns) for interval_ns in (0, _RARELY_NS)]
        finally:
            program.set_element("sampling", wire.NUMBER.pack(0))
            program.set_element("calibration", wire.CALIBRATION.pack(*known))
            _forget(program, known.caller)
    return TurnPrice(*prices) if all(prices) else TurnPrice()


def _cheapest(program: Program, hooks: Collection[tuple[str, str]], own: select.epoll, interval_ns: int) -> float:
    program.set_element("sampling", wire.NUMBER.pack(interval_ns))
    least, before = float("inf"), program.run_time_ns(hooks)
    for _ in range(_BATCHES):
        for _ in range(_BATCH):
            own.poll(0)
        now = program.run_time_ns(hooks)
        least, before = min(least, now - before), now
    return least / _BATCH


def _forget(program: Program, tid: int) -> None:
    threads, loops = program.table("threads", THREAD, TURN), program.table("loops", LOOP, LOOP_COUNTS)
    turn = threads.get(THREAD.pack(tid))
    if turn is not None:
        threads.delete(THREAD.pack(tid))
        loops.delete(bytes(turn[0]))
