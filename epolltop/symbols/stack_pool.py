"""Equal stacks are one object, for as long as an event or an instance refers to them."""

from __future__ import annotations

import sys
from typing import NamedTuple, TypeAlias

POOL_BYTES_MAX = 16 << 20
"""Memory of all stacks in use: 3,000 deep ones or more. A program has about ten, unless it forges them."""

NamedStack: TypeAlias = tuple[str, ...]
"""Readable frames, innermost first."""

_ENTRY_BYTES = 200
"""Overhead of an entry."""


class _Pooled(NamedTuple):
    stack: NamedStack
    size: int


class StackPool:
    """Bounds the memory of stacks: instances keep theirs for life, and strangers decide how many there are."""

    def __init__(self) -> None:
        """Adds one stack that nobody else uses: its number of references is that of the pool itself."""
        lone = tuple(["nobody's"])
        self._entries = {lone: _Pooled(lone, 0)}
        self._bytes = 0
        self._is_full = False

    def keep(self, stack: NamedStack) -> NamedStack | None:
        """The one object for equal stacks; None if there is no room for a new one."""
        known = self._entries.get(stack)
        if known is not None:
            return known.stack
        size = sys.getsizeof(stack) + sum(map(sys.getsizeof, stack)) + _ENTRY_BYTES
        if self._bytes + size > POOL_BYTES_MAX:
            self._is_full = True
            return None
        self._entries[stack] = _Pooled(stack, size)
        self._bytes += size
        return stack

    def make_room(self) -> None:
        """If the pool was full, forgets the stacks that nobody refers to any more; some 10 ms."""
        if not self._is_full:
            return
        self._is_full = False
        references = list(map(sys.getrefcount, self._entries))
        alone = references[0]
        for stack in [stack for stack, now in zip(self._entries, references, strict=True) if now == alone][1:]:
            self._bytes -= self._entries.pop(stack).size
