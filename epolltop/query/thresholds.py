"""From which values on a number is alarming."""

from __future__ import annotations

from dataclasses import dataclass

from epolltop.query.field import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Of one quantity, ascending; in its unit."""

    notice: float | None = None
    """None: it is either harmless or a warning."""
    warn: float
    error: float

    def of(self, value: float | None) -> Severity | None:
        """How alarming a value is; None: not at all, or it is not known."""
        if value is None:
            return None
        if value >= self.error:
            return "error"
        if value >= self.warn:
            return "warn"
        return "notice" if self.notice is not None and value >= self.notice else None


LAG_S = Thresholds(notice=0.025, warn=0.1, error=1.0)
"""Seastar reports stalls from 25 ms on, asyncio slow callbacks from 100 ms, Envoy's watchdog a loop from 1 s."""
BUSY = Thresholds(warn=0.8, error=0.95)
"""HAProxy counts as stressed with less than a fifth of idle time."""
DESCRIPTORS = Thresholds(warn=0.8, error=0.95)
"""The share of the limit that is used."""
