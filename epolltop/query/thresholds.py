"""From which values on a number is alarming."""

from __future__ import annotations

from dataclasses import dataclass

from epolltop.findings.families.blocked_loops import AWAY_MS, CRITICAL_MS
from epolltop.findings.families.near_limits import FD_CRITICAL_PERCENT, FD_PERCENT
from epolltop.findings.rule import Threshold
from epolltop.findings.settings import DEFAULTS
from epolltop.query.field import Alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Of one quantity, ascending; in its unit."""

    notice: float | None = None
    """None: it is either harmless or a warning."""
    warn: float
    error: float

    def of(self, value: float | None) -> Alarm | None:
        """How alarming a value is; None: not at all, or it is not known."""
        if value is None:
            return None
        if value >= self.error:
            return "error"
        if value >= self.warn:
            return "warn"
        return "notice" if self.notice is not None and value >= self.notice else None


def _of_rule(notice: float | None, warn: Threshold, error: Threshold) -> Thresholds:
    """The same as a rule has, as long as nobody changes it."""
    of = DEFAULTS.of
    return Thresholds(notice=notice, warn=of(warn), error=of(error))


LAG_S = _of_rule(0.025, AWAY_MS, CRITICAL_MS)
"""Seastar reports stalls from 25 ms on."""
BUSY = Thresholds(warn=0.8, error=0.95)
"""HAProxy counts as stressed with less than a fifth of idle time."""
DESCRIPTORS = _of_rule(None, FD_PERCENT, FD_CRITICAL_PERCENT)
"""The share of the limit that is used."""
