"""The last events, as a sequence that shares what did not change with the ones before and after it."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from epolltop.model.event import Event

BLOCK = 256
"""Events that journals share or copy as a whole: of 10,000 events a journal that differs by one copies 2 kB, not 80."""


class Journal(Sequence[Event]):
    """Events, oldest first. Immutable: `followed_by` makes another one. Equal to any sequence of the same events."""

    __slots__ = ("_blocks", "_keep", "_skip", "_tail")

    def __init__(self, keep: int) -> None:
        """Without events.

        Args:
            keep: length that no journal made from this one exceeds; the oldest events go.
        """
        self._keep = keep
        self._blocks: tuple[tuple[Event, ...], ...] = ()
        self._skip = 0  # events of the first block, or of the tail before there is one, that went
        self._tail: tuple[Event, ...] = ()

    def followed_by(self, events: Iterable[Event]) -> Journal:
        """A journal with these events at the end; the same object if there are none."""
        end = (*self._tail, *events)
        if len(end) == len(self._tail):
            return self
        whole = len(end) - len(end) % BLOCK
        blocks = (*self._blocks, *(end[at : at + BLOCK] for at in range(0, whole, BLOCK)))
        gone = max(self._skip, len(blocks) * BLOCK + len(end) - whole - self._keep)
        longer = Journal(self._keep)
        longer._blocks, longer._tail, longer._skip = blocks[gone // BLOCK :], end[whole:], gone % BLOCK
        return longer

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK + len(self._tail) - self._skip

    def __iter__(self) -> Iterator[Event]:
        return itertools.islice(itertools.chain(*self._blocks, self._tail), self._skip, None)

    def __reversed__(self) -> Iterator[Event]:
        parts = (reversed(part) for part in (self._tail, *reversed(self._blocks)))
        return itertools.islice(itertools.chain.from_iterable(parts), len(self))

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, at: int | slice) -> Event | tuple[Event, ...]:
        if isinstance(at, slice):
            return tuple(map(self._at, range(*at.indices(len(self)))))
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._at(at % len(self))

    def _at(self, number: int) -> Event:
        block, place = divmod(number + self._skip, BLOCK)
        return (self._blocks[block] if block < len(self._blocks) else self._tail)[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self is other or (len(self) == len(other) and all(map(operator.eq, self, other)))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Journal({list(self)!r})"
