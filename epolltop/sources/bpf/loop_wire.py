"""Bytes of loops and turns in bpf/wire.h to records. The only module that knows their layout."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from epolltop.model.batch import NS_PER_TICK, TIME_BUCKETS, LoopCounts, LoopKey, ProcessKey
from epolltop.sources.bpf.probes.spec import MapEntry

LOOP = struct.Struct("=QQQQII")
TURN = struct.Struct("=QQQQIIQQQqQQQQIIIiI4x16s")
MAXIMA = struct.Struct("=QQQQ")
_COUNTERS = len(LoopCounts._fields)
LOOP_COUNTS = struct.Struct(f"={_COUNTERS}Q{2 * MAXIMA.size + 3 * TIME_BUCKETS * 8}x")


def decode_loops(entries: Iterable[MapEntry]) -> dict[LoopKey, LoopCounts]:
    """Entries of the map loops, as (struct loop, struct loop_counts) pairs."""
    return {
        LoopKey(file, created_ns, _process(start_ns, tgid), tid, thread_start_ns): LoopCounts._make(counts)
        for (file, created_ns, start_ns, thread_start_ns, tgid, tid), counts in entries
    }


def process_of(fields: tuple[int, ...]) -> ProcessKey:
    """Whose a struct loop is."""
    _, _, start_ns, _, tgid, _ = fields
    return _process(start_ns, tgid)


def _process(start_ns: int, tgid: int) -> ProcessKey:
    return ProcessKey(tgid, start_ns // NS_PER_TICK)
