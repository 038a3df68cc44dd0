"""Waits on instances, summed by loop: a thread, and an instance that it waits on."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from epolltop.bcc.machine import Machine
from epolltop.model.batch import NS_PER_TICK, LoopCounts, LoopKey, ProcessKey
from epolltop.model.limits import UNTRACED
from epolltop.sources.bpf.probes.spec import WITHOUT, CStruct, Hook, KernelTable, MapEntry, ProbeSpec, Rung

LOOP = struct.Struct("=QQQQII")
LOOP_COUNTS = struct.Struct("=Q")


def ladder(_machine: Machine | None) -> dict[str, Rung]:
    """Best rung first, the same on each machine."""
    calls = ("epoll_pwait", "epoll_wait", "epoll_pwait2")
    return {
        "fexit": (Hook("fexit", "do_epoll_wait", compat=True),),
        "tracepoint": tuple(
            Hook("tracepoint", f"syscalls:sys_exit_{call}", "epoll_wait_sys_exit", optional=call != "epoll_pwait")
            for call in calls
        ),
        WITHOUT: (),
    }


def decode(entries: Iterable[MapEntry]) -> dict[LoopKey, LoopCounts]:
    """Entries of the map loops, as (struct loop, struct loop_counts) pairs."""
    return {
        LoopKey(file, created_ns, _process(start_ns, tgid), tid, thread_start_ns): LoopCounts(*counts)
        for (file, created_ns, start_ns, thread_start_ns, tgid, tid), counts in entries
    }


def _process(start_ns: int, tgid: int) -> ProcessKey:
    return ProcessKey(tgid, start_ns // NS_PER_TICK)


PROBE = ProbeSpec(
    name="epoll_wait",
    sees="threads waiting on instances",
    ladder=ladder,
    proof=lambda calibrate: calibrate().waited_by != 0,
    tables=(
        KernelTable(
            member="loops",
            map="loops",
            key=CStruct("loop", LOOP),
            value=CStruct("loop_counts", LOOP_COUNTS),
            decode=decode,
            process_of=lambda key: _process(key[2], key[4]),
            refused="loops_refused",
        ),
    ),
    limit=UNTRACED,
)
