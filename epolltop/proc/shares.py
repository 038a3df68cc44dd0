"""How descriptor tables share the room of a census."""

from __future__ import annotations

from collections.abc import Sequence

HOLDINGS = 131_072
"""Descriptors in a census, of all processes: 120 MB of records. The kernel side notes as many live instances."""


def fair_share(told: Sequence[int], cut: int, room: int) -> int:
    """How many holdings each table may contribute, so that all tables together fit.

    Small tables are complete; the large ones share the rest equally. At least 1.

    Args:
        told: the sizes of the tables whose size is known.
        cut: the number of other tables, which have more than was read.
        room: for all tables together.
    """
    left, sharing = room, len(told) + cut
    for number in sorted(told):
        if number * sharing > left:
            return max(1, left // sharing)
        left, sharing = left - number, sharing - 1
    return max(1, left // sharing) if cut else room
