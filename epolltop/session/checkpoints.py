"""Checkpoints of a replay, to go back in time: the world after some of the ticks.

They are dense near the present tick and sparse elsewhere, within a bound of memory. In a busy world the journal is the
largest part, so it is packed, in parts that neighbours share.
"""

from __future__ import annotations

from typing import NamedTuple

from epolltop.model.event import Event
from epolltop.model.world import JOURNAL, World
from epolltop.sources.recording.codec import pack, unpack
from epolltop.sources.recording.reader import FilePosition

EVERY = 16
"""Ticks between two checkpoints, where we are."""
BYTES_MAX = 128 << 20
"""Approximate bound for all of them."""
_FACT, _HOLDING, _REST = 1200, 120, 64 << 10  # bytes for each, and besides


class Part(NamedTuple):
    """Some events of the journal."""

    end: int
    """Number of the event after them."""
    packed: bytes


class Checkpoint(NamedTuple):
    """Everything after a tick, to go on from."""

    world: World
    """Without its journal; with its windows."""
    parts: tuple[Part, ...]
    """The journal."""
    place: FilePosition
    octets: int
    """About how many bytes it takes."""

    def restored(self) -> World:
        """A world to go on with."""
        world = self.world.copy()
        events: list[Event] = []
        for part in self.parts:
            events += unpack(part.packed)
        world.replace_journal(events)
        return world


class Checkpoints:
    """By tick. Which to drop depends on where we are."""

    def __init__(self) -> None:
        self._kept: dict[int, Checkpoint] = {}
        self._stride = EVERY
        self._octets = 0
        self._parts: tuple[Part, ...] = ()  # of the last one that was kept or gone back to

    def before(self, tick: int) -> int:
        """The last tick earlier than this one that has a checkpoint; the first always has one."""
        return max(kept for kept in self._kept if kept < tick or kept == 0)

    def go_back(self, tick: int) -> tuple[int, Checkpoint]:
        """That tick and its checkpoint, to go on from there."""
        found = self.before(tick)
        checkpoint = self._kept[found]
        self._parts = checkpoint.parts
        return found, checkpoint

    def is_due(self, tick: int) -> bool:
        """Whether to keep one here."""
        return tick % EVERY == 0 and tick not in self._kept

    def keep(self, tick: int, world: World, place: FilePosition, *, facts: int, holdings: int) -> None:
        """Adds one, where we are; drops others if there are too many.

        Args:
            tick: which was just applied.
            world: after it.
            place: after it.
            facts: how many processes it knows.
            holdings: how many descriptors.
        """
        end = world.journal_end
        events = world.journal_since(self._parts[-1].end if self._parts else 0)
        part = Part(end, pack(events))
        self._parts = (*(part for part in self._parts if part.end > end - JOURNAL), part)
        bare = world.copy()
        bare.replace_journal(())
        octets = len(part.packed) + facts * _FACT + holdings * _HOLDING + _REST
        self._kept[tick] = Checkpoint(bare, self._parts, place, octets)
        self._octets += octets
        while self._octets > BYTES_MAX and len(self._kept) > 2:
            # The farthest first that does not belong to the even spread; then the spread becomes wider.
            loose = [kept for kept in self._kept if kept % self._stride and kept != tick]
            if loose:
                self._octets -= self._kept.pop(max(loose, key=lambda kept: abs(kept - tick))).octets
            else:
                self._stride *= 2
