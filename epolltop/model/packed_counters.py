"""A record of counters as the kernel has it: numbers of 64 bits one after the other, decoded only if somebody looks.

Taken as one number, a record has its counters as digits. So one subtraction tells how much all of them rose, and one
addition sums them over the loops of a process. Decoded and counter by counter that takes five times as long.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import ClassVar

_BITS = 64


class PackedCounters:
    """Stands in a table for a record of counters: it iterates over them, and equals a tuple of the same."""

    __slots__ = ("number",)
    count: ClassVar[int]
    """Of counters."""

    def __init__(self, raw: bytes) -> None:
        """Takes the counters, the lowest byte of each first."""
        self.number = int.from_bytes(raw, "little")

    def __iter__(self) -> Iterator[int]:
        return iter(counters(self.number, self.count))

    def __int__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PackedCounters):
            return (self.number, self.count) == (other.number, other.count)
        return isinstance(other, tuple) and tuple(self) == other

    __hash__ = None  # type: ignore[assignment]  # nothing needs it


def counters(number: int, count: int) -> tuple[int, ...]:
    """The digits of a number."""
    return struct.unpack(f"<{count}Q", number.to_bytes(count * _BITS // 8, "little"))


def packed_rise(now: PackedCounters, then: PackedCounters | None) -> int | PackedCounters:
    """The increase in between, as one number. If a counter fell, or none existed, all began anew from 0: then `now`."""
    if then is None:
        return now
    rise = now.number - then.number
    return now if rise & _fallen(now.count) else rise


@functools.cache
def _fallen(count: int) -> int:
    """The highest bit of each digit: one is set in the difference if a counter fell."""
    return sum(1 << _BITS * place + _BITS - 1 for place in range(count))
