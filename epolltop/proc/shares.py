"""How tables of descriptors share the room that a census has."""

from __future__ import annotations

from collections.abc import Sequence

HOLDINGS = 131_072
"""Descriptors that a census may tell, of all processes: 120 MB of records, as many as the kernel side notes births."""


def cut_short(most: int, by: str) -> str:
    """The blind spot of a census that did not tell everything.

    Args:
        most: descriptors that were told.
        by: who holds most, or what else there is to say.
    """
    return f"the census is cut short at {most:,} descriptors{by}: the rest is shown as it was last known"


def fair_share(told: Sequence[int], cut: int, room: int) -> int:
    """How many holdings of each table may be told, so that all tables together find room.

    Who has little is told whole; who has much gets what that leaves, as much as every other. At least 1.

    Args:
        told: of each table of which it is known, how many there are.
        cut: tables of which is only known that they have more than were told.
        room: for all of them.
    """
    left, sharing = room, len(told) + cut
    for number in sorted(told):
        if number * sharing > left:
            return max(1, left // sharing)
        left, sharing = left - number, sharing - 1
    return max(1, left // sharing) if cut else room
