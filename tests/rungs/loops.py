"""Waits: what each thread did with each instance."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterable, Iterator

from epolltop.model.loop_activity import LoopCounts
from epolltop.model.loop_row import LoopRow
from epolltop.model.snapshot import Snapshot

from . import durations, present_turns
from .coverage import Coverage
from .durations import Turned
from .files import Waited
from .ids import Ids
from .loop_names import LoopName, happened_as, told_as
from .oracle import Oracle
from .reported import Reported

_FULL_MIN = 8
"""Who takes fewer events at once does not want them all."""
_SEEM_EARLY_MAX = 2
"""Of the waits of a loop, see Coverage.entries: a thread seldom stops just there."""
_ERRORS = {
    errno.EINTR: "interrupted",
    errno.EBADF: "bad_descriptor",
    errno.EINVAL: "invalid",
    errno.EFAULT: "bad_address",
}


def compare(snapshot: Snapshot, reported: Reported, oracle: Oracle, coverage: Coverage, ids: Ids) -> Iterator[str]:
    """Differences. What a thread did with instances whose creation was not seen is compared as a whole."""
    happened, told = defaultdict[LoopName, list[Turned]](list), defaultdict[LoopName, list[LoopRow]](list)
    for turn in durations.turned(oracle, entries=coverage.entries) if coverage.waits else ():
        happened[happened_as(turn.waited, ids)].append(turn)
    for row in reported.loops.values():
        told[told_as(row.key)].append(row)
    for loop in sorted(happened.keys() | told.keys(), key=str):
        turns, rows = happened.get(loop, []), told.get(loop, [])
        told_of = _sum(row.did.counted.total for row in rows)
        expected = _sum(_counts(turn.waited) for turn in turns)
        if not coverage.entries and told_of.early > expected.early:
            seem_early = min(_SEEM_EARLY_MAX, told_of.early - expected.early)
            expected = expected._replace(
                early=expected.early + seem_early, timeouts_met=expected.timeouts_met - seem_early
            )
        for counter in _EXACT:
            if getattr(expected, counter) != getattr(told_of, counter):
                yield f"{loop} has {counter} {getattr(expected, counter)}, told are {getattr(told_of, counter)}"
        yield from durations.compare(str(loop), turns, rows, delays=expected.timeouts_met)
    if coverage.waits:
        yield from present_turns.compare(snapshot, oracle, ids)


_EXACT = [counter for counter in LoopCounts._fields if not counter.endswith("_ns") and counter != "slept"]


def _sum(counts: Iterable[LoopCounts]) -> LoopCounts:
    return LoopCounts._make(map(sum, zip(LoopCounts(), *counts, strict=True)))


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
