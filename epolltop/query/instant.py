"""Instants of the boot clock, as a snapshot tells them."""

from __future__ import annotations

from epolltop.model.snapshot import Snapshot
from epolltop.text.numbers import UNKNOWN, timestamp


def seconds_since(at_ns: int | None, snapshot: Snapshot) -> float | None:
    """How long ago it was; None of an instant that is not known."""
    return None if at_ns is None else max(0, snapshot.now_ns - at_ns) / 1e9


def utc(at_ns: int | None, snapshot: Snapshot) -> str | None:
    """An instant of the boot clock as RFC 3339."""
    return timestamp(snapshot.wall_of(at_ns), utc=True) if at_ns else None


def local(at_ns: int | None, snapshot: Snapshot) -> str:
    """The same as the local time of day, for a screen."""
    return timestamp(snapshot.wall_of(at_ns)) if at_ns else UNKNOWN
