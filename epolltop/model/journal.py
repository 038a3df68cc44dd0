"""The last events, as a sequence that shares what did not change with the ones before and after it."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import msgspec

from epolltop.model.event import Event

BLOCK = 256
"""Events that journals share or copy as a whole: of 10,000 events a journal that differs by one copies 2 kB, not 80."""
_UNPACKED = 4
"""Blocks that stay unpacked for who looks at single events: a screen shows one or two."""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[Event, ...]).decode


@dataclass(frozen=True, eq=False, slots=True)
class _Block:
    """BLOCK events as bytes, a sixth as large: 0.3 us for each, and 1 us to unpack it.

    Events in a journal stay while all that was made along with them goes. Python gives memory back by the megabyte, if
    nothing in it is left: a few thousand small objects hold on to 100 MB after a storm. Bytes are not among these.
    """

    packed: bytes
    stacks: tuple[tuple[str, ...], ...]
    """Of each event, or of none. Equal ones are one object, of which bytes would be many."""


class Journal(Sequence[Event]):
    """Events, oldest first. Immutable: `followed_by` makes another one. Equal to any sequence of the same events."""

    __slots__ = ("_blocks", "_keep", "_skip", "_tail")

    def __init__(self, keep: int) -> None:
        """Without events.

        Args:
            keep: length that no journal made from this one exceeds; the oldest events go.
        """
        self._keep = keep
        self._blocks: tuple[_Block, ...] = ()
        self._skip = 0  # events of the first block, or of the tail before there is one, that went
        self._tail: tuple[Event, ...] = ()

    def followed_by(self, events: Iterable[Event]) -> Journal:
        """A journal with these events at the end; the same object if there are none."""
        end = (*self._tail, *events)
        if len(end) == len(self._tail):
            return self
        whole = len(end) - len(end) % BLOCK
        blocks = (*self._blocks, *(_packed(end[at : at + BLOCK]) for at in range(0, whole, BLOCK)))
        gone = max(self._skip, len(blocks) * BLOCK + len(end) - whole - self._keep)
        longer = Journal(self._keep)
        longer._blocks, longer._tail, longer._skip = blocks[gone // BLOCK :], end[whole:], gone % BLOCK
        return longer

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK + len(self._tail) - self._skip

    def __iter__(self) -> Iterator[Event]:
        blocks = itertools.chain.from_iterable(map(_events, self._blocks))
        return itertools.islice(itertools.chain(blocks, self._tail), self._skip, None)

    def __reversed__(self) -> Iterator[Event]:
        blocks = itertools.chain.from_iterable(reversed(_events(block)) for block in reversed(self._blocks))
        return itertools.islice(itertools.chain(reversed(self._tail), blocks), len(self))

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
        return (_recent(self._blocks[block]) if block < len(self._blocks) else self._tail)[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self is other or (len(self) == len(other) and all(map(operator.eq, self, other)))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Journal({list(self)!r})"


def _packed(events: Sequence[Event]) -> _Block:
    stacks = tuple(event.stack for event in events)
    if not any(stacks):
        return _Block(_pack(events), ())
    return _Block(_pack([event._replace(stack=()) for event in events]), stacks)


def _events(block: _Block) -> tuple[Event, ...]:
    events = _unpack(block.packed)
    if not block.stacks:
        return events
    return tuple(event._replace(stack=stack) for event, stack in zip(events, block.stacks, strict=True))


_recent = functools.lru_cache(_UNPACKED)(_events)
