"""What loops did of which the kernel's maps tell no more.

While its entry stays, all that a loop did is what the entry tells. What is there no more, or never was, is past.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from epolltop.model.batch import Batch
from epolltop.model.loop_activity import LoopKey, LoopTimes
from epolltop.model.loop_index import missing
from epolltop.model.loop_state import NO_COUNTS, LoopsMark, Past
from epolltop.model.loop_times import NO_TIMES
from epolltop.model.rates import Rise, added

Pasts = Mapping[LoopKey, Past]
_NOTHING = Past(NO_COUNTS, NO_TIMES)


def past_after(known: LoopsMark, batch: Batch, rises: Mapping[LoopKey, Rise]) -> Pasts:
    """The past when a batch has come.

    Args:
        known: what was known before it.
        batch: the batch.
        rises: by how much its counters of loops rose; if they began anew, the counters themselves.
    """
    began_anew = (key for key, rise in rises.items() if type(rise) is not int and rise is batch.loops[key])
    began_anew = (key for key in began_anew if key in known.counts)
    over = {key: _all(known, key) for key in chain(began_anew, missing(known.counts, batch.loops))}
    return {**known.past, **over} if over else known.past


def with_longer_waits(past: Pasts, by_ns: Mapping[LoopKey, int]) -> Pasts:
    """With waits that no entry tells."""
    return {**past, **{key: _with_longer_wait(past.get(key, _NOTHING), longer_ns) for key, longer_ns in by_ns.items()}}


def _with_longer_wait(past: Past, by_ns: int) -> Past:
    return past._replace(counts=added(past.counts, NO_COUNTS._replace(waiting_ns=by_ns)))


def _all(known: LoopsMark, key: LoopKey) -> Past:
    states = known.of((key,))
    return Past(known.did(key), LoopTimes._make(states.times[0]))
