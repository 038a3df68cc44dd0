"""All rules, by family."""

from __future__ import annotations

from epolltop.findings.families.blocked_loops import AWAY
from epolltop.findings.families.late_wakeups import WAKEUP
from epolltop.findings.families.leaks import CHURN, DESCRIPTORS, GROWTH
from epolltop.findings.families.list_changes import CTL_CHURN, CTL_ERRORS
from epolltop.findings.families.near_limits import FD_LIMIT, WATCH_LIMIT
from epolltop.findings.families.nesting import NESTED
from epolltop.findings.families.polling import POLLING
from epolltop.findings.families.sharing import INHERITED, SHARING
from epolltop.findings.families.siblings import HERD, UNBALANCED
from epolltop.findings.families.spins import SPIN
from epolltop.findings.families.wakes import BATCHES, IDLE, INTERRUPTED, NOTHING
from epolltop.findings.families.watched import FOREIGN, STALE, STALLED
from epolltop.findings.rule import AnyFamily, Rule

FAMILIES: tuple[AnyFamily, ...] = (
    SPIN,
    POLLING,
    AWAY,
    WAKEUP,
    GROWTH,
    DESCRIPTORS,
    CHURN,
    FD_LIMIT,
    WATCH_LIMIT,
    SHARING,
    INHERITED,
    HERD,
    UNBALANCED,
    IDLE,
    INTERRUPTED,
    BATCHES,
    NOTHING,
    CTL_CHURN,
    CTL_ERRORS,
    STALE,
    STALLED,
    FOREIGN,
    NESTED,
)
"""In the order of the page."""
RULES: dict[str, Rule[object]] = {rule.id: rule for family in FAMILIES for rule in family.rules}
"""By id; of several with the same words the last."""
THRESHOLDS = {threshold.name: threshold for family in FAMILIES for threshold in family.thresholds}
