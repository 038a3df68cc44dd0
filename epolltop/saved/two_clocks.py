"""The two clocks of a snapshot file: times of day made instants of the boot clock again."""

from __future__ import annotations

import datetime
from typing import NamedTuple

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class TwoClocks(NamedTuple):
    """One instant, twice."""

    boottime_ns: int
    realtime_ns: int

    def boot_ns(self, wall_ns: int) -> int:
        """The boot clock at nanoseconds since the epoch."""
        return wall_ns - self.realtime_ns + self.boottime_ns

    def boot_ns_at(self, time: datetime.datetime) -> int:
        """The boot clock at a time of day, to the microsecond; ValueError: it has no zone, or no computer ran then."""
        if time.tzinfo is None or not 1900 < time.year < 2300:
            raise ValueError("a time without a zone, or out of range")
        return self.boot_ns((time - _EPOCH) // datetime.timedelta(microseconds=1) * 1000)
