"""Loops that were away for long, and nobody looked meanwhile: what they did is not known.

Polls come each second. A loop that does something long each second, or twice, may be back at each of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from epolltop.findings.loop_case import LoopCase
from epolltop.model.loop_activity import LoopKey

FRESH_S = 5.0
"""How old a look may be. Rules heed it for ten seconds: there is time for another one before that is over."""
MOST = 100
"""Loops that are looked at: as many as at a poll."""


def unexplained(loops: Iterable[LoopCase], late_ns: int) -> frozenset[LoopKey]:
    """Of loops of a window, those whose absences from that length on no look explains.

    If several threads wait on an instance, none of its loops is late while one of them waits: these are left out.
    """
    return frozenset(itertools.islice((case.row.key for case in loops if _is_unexplained(case, late_ns / 1e9)), MOST))


def _is_unexplained(case: LoopCase, late_s: float) -> bool:
    if (case.longest_away_s or 0.0) < late_s or case.row.shared or case.row.turn is None:
        return False
    return case.look_within(FRESH_S) is None
