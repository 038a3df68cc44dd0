"""Which kind of descriptors of a process grows steadily."""

from __future__ import annotations

from typing import NamedTuple

from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.levels import HOUR_S, MINUTE_S, LevelOf, Levels, growing_s, level_at
from epolltop.model.process_row import Growth, ProcessRow


class GrowingKind(NamedTuple):
    """The one that grows."""

    per_min: float
    """Descriptors more, over the last minute or hour, the faster; if it is known for less, since then."""
    growing_s: float
    """See `levels.growing_s`."""
    kind: str


def growing_kind(row: ProcessRow, now_ns: int) -> GrowingKind | None:
    """Of the kinds that grow steadily the fastest. Instances are none of them, because they are judged apart."""
    growth = row.growth
    if growth is None or not growth.steps or (growth.fds_per_s or 0) <= 0:
        return None  # most processes
    found = []
    for kind in Descriptors._fields:
        if kind != "epoll" and (grown_s := growing_s(growth.steps, now_ns, _of(kind))):
            per_min = max(_per_min(growth, now_ns, _of(kind), span_s) for span_s in (MINUTE_S, HOUR_S))
            found.append(GrowingKind(per_min, grown_s, kind))
    return max(found, default=None)


def _per_min(growth: Growth, now_ns: int, value: LevelOf, span_s: int) -> float:
    from_ns = max(now_ns - span_s * 1_000_000_000, growth.since_ns)
    now, then = (value(level_at(growth.steps, at_ns)) for at_ns in (now_ns, from_ns))
    return 0.0 if now is None or then is None else (now - then) / (now_ns - from_ns) * 60e9


def _of(kind: str) -> LevelOf:
    def number(levels: Levels) -> int | None:
        return None if levels.kinds is None else int(getattr(levels.kinds, kind))

    return number
