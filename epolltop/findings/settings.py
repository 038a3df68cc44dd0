"""What users change about rules: thresholds, and which findings they want to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from epolltop.findings.rule import Threshold


@dataclass(frozen=True)
class Settings:
    """As the command line has them."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    """In place of defaults, by name, in the unit of the name."""
    allowed: frozenset[str] = frozenset()
    """Ids of rules that are not judged."""
    raised: frozenset[str] = frozenset()
    """Ids of rules that are one severity graver."""

    def of(self, threshold: Threshold) -> float:
        """A threshold in the unit of the values that are compared with it."""
        number = self.thresholds.get(threshold.name, threshold.default) * threshold.factor
        return round(number, 12)  # 95 * 0.01 is more than 0.95

    def changes(self, threshold: Threshold) -> bool:
        """Whether it is another number than the default."""
        return self.thresholds.get(threshold.name, threshold.default) != threshold.default


DEFAULTS = Settings()
