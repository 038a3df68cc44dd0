"""Waits: what each thread did with each instance."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from epolltop.model.event import instance_id
from epolltop.model.loop_activity import LoopCounts, LoopKey
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.model.rates import added
from epolltop.model.snapshot import Snapshot

from .coverage import Coverage, key_of, keys_of
from .files import Waited
from .ids import Ids
from .oracle import Oracle

_FULL_MIN = 8
"""Who takes fewer events at once does not want them all."""
_ERRORS = {
    errno.EINTR: "interrupted",
    errno.EBADF: "bad_descriptor",
    errno.EINVAL: "invalid",
    errno.EFAULT: "bad_address",
}


class _Loop(NamedTuple):
    """A thread, and what it waits on."""

    process: ProcessKey
    tid: int
    start_ns: int
    instance: str | None
    """The id by which it was traced; empty: no instance; None: one whose creation the rung did not see."""


def compare(snapshot: Snapshot, oracle: Oracle, coverage: Coverage, ids: Ids) -> Iterator[str]:
    """Differences. What a thread did with instances whose creation was not seen is compared as a whole."""
    happened = defaultdict[_Loop, list[Waited]](list)
    for waited in oracle.waited if coverage.waits else ():
        happened[_loop_of(waited, ids)].append(waited)
    cast, told = keys_of(oracle), defaultdict[_Loop, LoopCounts](LoopCounts)
    for row in (loop for process in snapshot.processes if process.key in cast for loop in process.loops):
        told[_told_as(row.key)] = added(told[_told_as(row.key)], row.counted.total)
    for loop in sorted(happened.keys() | told.keys(), key=str):
        waits = [_counts(waited) for waited in happened.get(loop, ())]
        for counter in _EXACT:
            expected, counted = sum(getattr(each, counter) for each in waits), getattr(told[loop], counter)
            if expected != counted:
                yield f"{loop} has {counter} {expected}, told are {counted}"


_EXACT = [counter for counter in LoopCounts._fields if not counter.endswith("_ns")]


def _loop_of(waited: Waited, ids: Ids) -> _Loop:
    name = ids.born.get(waited.wait.file) if waited.wait.file else ""
    return _Loop(key_of(waited.by), waited.tid, waited.start * NS_PER_TICK, name)


def _told_as(key: LoopKey) -> _Loop:
    name = instance_id(key.file, key.created_ns) if key.created_ns else None
    return _Loop(key.process, key.tid, key.thread_start_ns, name if key.file else "")


def _counts(waited: Waited) -> LoopCounts:
    """What one wait adds."""
    result, asked = waited.result, waited.wait.asked
    timeout = "infinite" if asked.timeout_ns is None else "finite" if asked.timeout_ns else "zero"
    counted = {f"{timeout}_timeouts": 1, "waits": 1}
    if result < 0:
        counted[_ERRORS.get(-result, "other_errors")] = 1
    elif result:
        counted |= {"events": result, "wakes": 1, "full": int(result == asked.maxevents >= _FULL_MIN)}
    else:
        counted["timeouts_met" if asked.timeout_ns else "zero_empty"] = 1
    return LoopCounts(**counted)
