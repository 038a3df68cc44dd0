"""What is known of a loop at a moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from epolltop.model.loop_activity import LoopCounts, LoopTimes, Turn

NO_TIMES = LoopTimes()


class LoopState(NamedTuple):
    """While nothing happens it is the same object."""

    counts: LoopCounts
    """Since the observation began, like the next ones."""
    times: Iterable[Any]
    """As in Batch.loop_times."""
    turn: Turn | None
    """That its thread is in; None: one of another loop, or it is not known."""


NOTHING = LoopState(LoopCounts(), NO_TIMES, None)
"""Of one that did nothing."""
