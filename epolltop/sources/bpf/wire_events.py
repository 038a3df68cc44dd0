"""Events as the probes wrote them: each is decoded when somebody asks for it.

Of a flood of 131,072 events the bytes are 13 MB. As objects they are 45 MB, most of which cannot be given back, because
what was made in between stays.
"""

from __future__ import annotations

import copy
import itertools
from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from epolltop.bcc.records import Records
from epolltop.model.event import Event
from epolltop.model.process import ProcessKey
from epolltop.sources.bpf import wire
from epolltop.symbols.stack_pool import NamedStack


class WireEvents(Sequence[Event]):
    """By time: each CPU's records are in order, all together are not."""

    def __init__(self, records: Records) -> None:
        """Without stacks.

        Args:
            records: each a struct event, perhaps with a stack behind it. No more may come.
        """
        times, actors = array("Q"), set()
        for start in records.starts:
            time_ns, _, actor = wire.event_head(records.octets, start)
            times.append(time_ns)
            actors.add(actor)
        self._records = records
        self._order = array("I", sorted(range(len(times)), key=times.__getitem__))
        self._stacks: Sequence[NamedStack] = ()
        self.actors: frozenset[tuple[ProcessKey, int | None]] = frozenset(map(wire.decode_who, actors))
        """Processes that acted, and as which users."""

    def files(self) -> Iterator[int]:
        """That they are about."""
        octets, starts = self._records.octets, self._records.starts
        return (wire.event_head(octets, starts[number])[1] for number in self._order)

    def stack_bytes(self) -> list[bytes]:
        """See `wire.stack_bytes`, of each."""
        return [wire.stack_bytes(self._records[number]) for number in self._order]

    def bearing(self, stacks: Sequence[NamedStack]) -> WireEvents:
        """The same events, each with its stack."""
        return self._with(self._order, stacks)

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Event]:
        starts = map(self._records.starts.__getitem__, self._order)
        return map(
            wire.decode_event, itertools.repeat(self._records.octets), starts, self._stacks or itertools.repeat(())
        )

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> WireEvents: ...
    def __getitem__(self, at: int | slice) -> Event | WireEvents:
        return self._with(self._order[at], self._stacks[at]) if isinstance(at, slice) else self._at(at)

    def _at(self, at: int) -> Event:
        start = self._records.starts[self._order[at]]
        return wire.decode_event(self._records.octets, start, self._stacks[at] if self._stacks else ())

    def _with(self, order: array[int], stacks: Sequence[NamedStack]) -> WireEvents:
        other = copy.copy(self)
        other._order, other._stacks = order, stacks
        return other
