"""Who held an instance before: the last changes, as many as there is room for."""

from __future__ import annotations

from epolltop.model.instance import Held

PAST = 16
"""Changes of holders that an instance remembers; fewer, if it has been held by many."""
PAST_FDS, PAST_FDS_MAX = 256, 1 << 17
"""Descriptors of earlier holders that one instance remembers, and that all together have room for, each as much as
every other: 20 MB. Else 130,000 descriptors whose processes are replaced again and again would take 16 times theirs."""


def latest(past: tuple[Held, ...], live: int) -> tuple[Held, ...]:
    """The last of them, as many as have room for their descriptors; one that had none takes as much as one.

    Args:
        past: oldest first.
        live: how many instances share the room.
    """
    room, kept = min(PAST_FDS, PAST_FDS_MAX // live), 0
    for held in reversed(past[-PAST:]):
        room -= max(1, sum(len(holder.fds) for holder in held.holders))
        if room < 0:
            break
        kept += 1
    return past[len(past) - kept :]
