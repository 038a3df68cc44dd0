"""Values of fields of a loop, of those that several have."""

from __future__ import annotations

from collections.abc import Callable

from epolltop.model.histogram import Histogram
from epolltop.model.loop_of import LoopOf
from epolltop.model.loop_row import Activity
from epolltop.model.snapshot import Snapshot
from epolltop.query.member import rounded
from epolltop.text.numbers import NOT_APPLICABLE, UNKNOWN, about, at_least, duration


def ratio(of: str, to: str) -> Callable[[LoopOf, Snapshot], float | None]:
    """Of the rises of two counters in the window."""
    return lambda row, _: row.per_s(of) / row.per_s(to) if row.per_s(to) else None


def mean_s(of: str, by: str) -> Callable[[LoopOf, Snapshot], float | None]:
    """Of a counter of nanoseconds, for each of another one, in the window."""
    mean_ns = ratio(of, by)
    return lambda row, snapshot: None if (ns := mean_ns(row, snapshot)) is None else ns / 1e9


def total_s(of: str) -> Callable[[LoopOf, Snapshot], float]:
    """Of a counter of nanoseconds, since the observation began."""
    return lambda row, _: row.total(of) / 1e9


def largest_s(get: Callable[[Activity], Histogram]) -> Callable[[LoopOf, Snapshot], float | None]:
    return lambda row, _: times.largest / 1e9 if (times := get(row.loop.did)).total else None


def median_and_high(get: Callable[[Activity], Histogram]) -> Callable[[LoopOf, Snapshot], str]:
    """Nothing ended in many windows of a loop at rest."""

    def text(row: LoopOf, _: Snapshot) -> str:
        times = get(row.loop.did)
        shares = (times.quantile(0.5), times.quantile(0.99))
        told = " ".join(NOT_APPLICABLE if share is None else duration(share / 1e9) for share in shares)
        return about(told) if times.total and row.loop.sampled > 1 else told

    return text


def longest(get: Callable[[LoopOf, Snapshot], float | None]) -> Callable[[LoopOf, Snapshot], str]:
    """A lower bound, if not all are measured."""
    readable = or_none(duration, get)

    def text(row: LoopOf, snapshot: Snapshot) -> str:
        told = readable(row, snapshot)
        return at_least(told) if row.loop.sampled > 1 and get(row, snapshot) is not None else told

    return text


def or_none(readable: Callable[[float], str], get: Callable[[LoopOf, Snapshot], float | None]) -> Callable[..., str]:
    """A dash where nothing happened in the window."""

    def text(row: LoopOf, snapshot: Snapshot) -> str:
        value = get(row, snapshot) if snapshot.window_s else None
        return readable(value) if value is not None else NOT_APPLICABLE if snapshot.window_s else UNKNOWN

    return text


def exactly(get: Callable[[LoopOf, Snapshot], float | None]) -> Callable[[LoopOf, Snapshot], float | None]:
    """In JSON: to the nanosecond."""
    return lambda row, snapshot: rounded(get(row, snapshot), 9)
