"""The rows of a table while they come, go and change places: which one is under the cursor, which are marked."""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from typing import Generic

from epolltop.ui.table.layout import Row

_NEAR = 64
"""Rows to either side that are looked at before those farther away."""


class Rows(Generic[Row]):
    """Rows by their keys, without a screen. Until the cursor is moved it stays on the first row, whichever that is."""

    def __init__(self, key: Callable[[Row], Hashable]) -> None:
        self._key = key
        self.forget()

    def forget(self) -> None:
        """Prepares for another list of rows."""
        self.shown: Sequence[Row] = ()
        self.at = 0
        """The index of the cursor."""
        self.current: Row | None = None
        """The record under the cursor, None without rows."""
        self.key: Hashable = None
        """Of the record under the cursor; outlives an empty table."""
        self.pinned = False
        """Whether the cursor goes where the row of its key goes."""
        self.follow = False
        """Whether the cursor is to stop doing so, and say it, when that row is gone."""
        self.marks: dict[Hashable, int] = {}
        """Where the marked rows are."""

    def show(self, rows: Sequence[Row]) -> bool:
        """Other rows. False if the row that was followed is not among them.

        The cursor is on the row of its key, else on the line it was on. Marks of rows that are gone are dropped.
        """
        self.shown = rows
        self.pinned = self.pinned or self.follow
        at = find(rows, self._key, self.key, self.at) if self.pinned else 0
        lost = self.follow and at is None and self.current is not None
        self.follow = self.follow and not lost
        self._place(min(self.at, len(rows) - 1) if at is None else at)
        self.marks = places(rows, self._key, self.marks)
        return not lost

    def go(self, at: int) -> None:
        """Move the cursor to the nearest row there is."""
        at = max(0, min(at, len(self.shown) - 1))
        self.pinned = self.pinned or at != self.at
        self._place(at)

    def go_to_top(self) -> None:
        """Move the cursor to the first row, whichever that is from now on."""
        self.pinned = self.follow = False
        self._place(0)

    def find(self, key: Hashable) -> int | None:
        """Where the row of a key is; None if there is none."""
        return find(self.shown, self._key, key, self.at)

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or no longer."""
        if self.current is not None and self.marks.pop(self.key, None) is None:
            self.marks[self.key] = self.at

    def is_marked(self, at: int) -> bool:
        """Whether the row there is."""
        return bool(self.marks) and self._key(self.shown[at]) in self.marks

    def marked(self) -> list[Row]:
        """The marked rows in the order they are shown in."""
        return [self.shown[at] for at in sorted(self.marks.values())]

    def _place(self, at: int) -> None:
        self.current = None
        if self.shown:
            self.at, self.current = at, self.shown[at]
            self.key = self._key(self.current)


def find(rows: Sequence[Row], key_of: Callable[[Row], Hashable], key: Hashable, near: int) -> int | None:
    """The index of the row of a key, None if there is none; what it costs grows with the distance from a place."""
    low = high = min(near, len(rows))
    span = _NEAR
    while low > 0 or high < len(rows):
        below, above = max(0, low - span), min(len(rows), high + span)
        for part in (range(high, above), range(low - 1, below - 1, -1)):
            try:
                return part[operator.indexOf(map(key_of, map(rows.__getitem__, part)), key)]
            except ValueError:
                pass
        low, high, span = below, above, 2 * span
    return None


def places(rows: Sequence[Row], key_of: Callable[[Row], Hashable], known: dict[Hashable, int]) -> dict[Hashable, int]:
    """Where rows are now, by key, without those that are gone; costs a look at all rows if one is elsewhere."""
    found = {key: at for key, at in known.items() if at < len(rows) and key_of(rows[at]) == key}
    if missing := known.keys() - found:
        found |= {key: at for at, key in enumerate(map(key_of, rows)) if key in missing}
    return found
