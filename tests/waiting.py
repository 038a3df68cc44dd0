"""Waiting for a condition instead of for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

PATIENCE_S = 60.0
"""What comes on a machine that has nothing else to do within one second, comes on a busy one within that."""
_PAUSE_S = 0.01
_SHARE = 3
"""A condition gets a third of the time at most. On a guest's only processor what is waited for needs the rest."""


def eventually(condition: Callable[[], Answer], within_s: float = PATIENCE_S) -> Answer:
    """The first true answer of a condition. An AssertionError of the condition counts as a no.

    Raises:
        AssertionError: the time is over; says what the condition said last.
    """
    deadline = time.monotonic() + within_s
    while True:
        began = time.monotonic()
        over = began > deadline
        try:
            answer = condition()
        except AssertionError:
            if over:
                raise
        else:
            if answer:
                return answer
            assert not over, f"not within {within_s} s; last answer: {answer!r}"
        time.sleep(max(_PAUSE_S, (time.monotonic() - began) * (_SHARE - 1)))
