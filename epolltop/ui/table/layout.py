"""The columns of a table and their positions."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from rich.cells import cell_len

Row = TypeVar("Row")


@dataclass(frozen=True)  # no slots: with them Column[Row](...) raises in Python 3.11
class Column(Generic[Row]):
    """What to show of a row, and how wide."""

    id: str
    title: str
    width: int
    """In cells. 0 takes what the others leave; at most one column, the last."""
    right: bool
    render: Callable[[Row], str]
    style: Callable[[Row], str] | None = None
    """The component classes of the cell, such as table--warn, or nothing."""


class Layout(Generic[Row]):
    """Columns one cell apart, laid out in so much room. Places are cells from the start of the first column."""

    def __init__(self, columns: Sequence[Column[Row]], room: int) -> None:
        self.columns, self.room = columns, room
        rest = room - sum(column.width + 1 for column in columns) + 1
        self.widths = [column.width or max(rest, cell_len(column.title) + 1) for column in columns]
        self.starts = list(accumulate((width + 1 for width in self.widths), initial=0))

    @property
    def width(self) -> int:
        """Of all columns, the blank behind the last one included."""
        return self.starts[-1]

    @property
    def ids(self) -> list[str]:
        """From left to right."""
        return [column.id for column in self.columns]

    def in_view(self, left: int) -> slice:
        """The columns that show if what is left of a place is scrolled away."""
        return slice(bisect_right(self.starts, left) - 1, bisect_left(self.starts, left + self.room))

    def at(self, place: int) -> Column[Row] | None:
        """The column at a horizontal position."""
        index = bisect_right(self.starts, place) - 1
        return self.columns[index] if 0 <= index < len(self.columns) else None

    def step(self, column_id: str | None, step: int, left: int) -> tuple[str | None, int]:
        """The column that many to the right of one, and the place to scroll to so that it is in view.

        What a column hides, because it is wider than the room, is scrolled through first. From no column, or one that
        is not shown, it goes to the first one in view.
        """
        if not self.columns:
            return None, left
        if column_id not in self.ids:
            index = min(bisect_left(self.starts, left), len(self.columns) - 1)
            return self.columns[index].id, self._showing(index, left)
        index = self.ids.index(column_id)
        start, end = self._span(index)
        if step > 0 and start <= left and end > left + self.room:
            return column_id, min(left + self.room, end - self.room)
        if step < 0 and start < left < end:
            return column_id, max(left - self.room, start)
        index = max(0, min(index + step, len(self.columns) - 1))
        return self.columns[index].id, self._showing(index, left)

    def _showing(self, index: int, left: int) -> int:
        """The place nearest to left from which a column is wholly in view, or nothing but it."""
        start, end = self._span(index)
        lowest, highest = sorted((start, end - self.room))
        return max(lowest, min(left, highest))

    def _span(self, index: int) -> tuple[int, int]:
        return self.starts[index], self.starts[index] + self.widths[index]
