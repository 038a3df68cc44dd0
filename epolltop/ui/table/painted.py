"""The lines painted last, so that only differences are painted again: the terminal may be far away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from textual.geometry import Region

from epolltop.ui.table.layout import Layout
from epolltop.ui.table.line import Line, changed


class Painted:
    """Lines by their place on the widget."""

    def __init__(self) -> None:
        self._drawn: dict[int, Line] = {}
        self._ready: dict[int, Line] = {}  # those of them that are painted next

    def forget(self) -> None:
        """Forgets the painted lines, so that the next ones are made anew."""
        self._ready.clear()

    def differing(self, make: Callable[[int], Line], height: int, layout: Layout[Any], left: int) -> Iterator[Region]:
        """Where lines look different now; they are kept until they are painted.

        Args:
            make: makes a line.
            height: how many lines are in view.
            layout: of their cells.
            left: how many cells are scrolled away.
        """
        ready = {}
        for y in range(height):
            line, old = make(y), self._drawn.get(y)
            cells = changed(old, line, layout, left) if old else range(layout.room + 1)
            if cells:
                ready[y] = line
                yield Region(cells.start, y, len(cells), 1)
        self._ready = ready

    def take(self, y: int, make: Callable[[int], Line]) -> Line:
        """The line that is painted now."""
        line = self._drawn[y] = self._ready.pop(y) if y in self._ready else make(y)
        return line
