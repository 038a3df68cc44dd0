"""The journal as rows, newest first, without copying it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, overload

from epolltop.model.batch import Event
from epolltop.model.snapshot import Snapshot


class Entry(NamedTuple):
    """An event and its number, which names it: no two events share one."""

    number: int
    event: Event


class NewestFirst(Sequence[Entry]):
    """The journal of a snapshot in reverse; an entry is made when it is drawn."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._journal, self._end = snapshot.journal, snapshot.journal_end

    def __len__(self) -> int:
        return len(self._journal)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        back = at % len(self) + 1
        return Entry(self._end - back, self._journal[-back])
