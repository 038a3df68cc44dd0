"""The line that says where one is: the views, the way drilled into this one, and what is chosen of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from epolltop.query.view import SUBJECTS
from epolltop.text.numbers import grouped, plural
from epolltop.ui.state.navigation import Trail
from epolltop.ui.widgets.text_lines import Lines

NARROW = 120
"""Cells below which only the present view is named, as where the line gets too long; the digits of others stay."""


class Crumbs(Lines):
    """The line that shows the way to the current place."""

    def __init__(self, readable: Callable[[str], str], id: str) -> None:
        super().__init__(id=id)
        self._readable = readable

    def describe(self, trail: Trail, shown: int, of: int, badges: Sequence[str]) -> None:
        """Draws it, the most telling first: what does not fit is cut at the end.

        Args:
            trail: where we are.
            shown: rows of the main table.
            of: rows there are without the filter.
            badges: what a person did to the view: order held, following.
        """
        rest = self._rest(trail, shown, of, badges)
        named = self._views(trail, named=True)
        fits = self.size.width >= max(NARROW, named.cell_len + rest.cell_len)
        self.put([(named if fits else self._views(trail, named=False)).append_text(rest)])

    def _views(self, trail: Trail, *, named: bool) -> Text:
        """All by their keys, and the present one by name."""
        line = Text()
        for number, subject in enumerate(SUBJECTS.values(), start=1):
            here = trail.places[0].subject.id == subject.id
            name = f" {subject.title}" if here or named else ""
            line.append(f" {number}{name} ", "bold reverse" if here else "").append(" ")
        return line

    def _rest(self, trail: Trail, shown: int, of: int, badges: Sequence[str]) -> Text:
        line, view = Text(), trail.here.view
        for place in trail.places[1:]:
            line.append(self._readable(f"▸ {place.label} "), "bold")
        count = plural(of, "row") if shown == of else f"{grouped(shown)} of {plural(of, 'row')}"
        arrow = "▼" if view.descending else "▲"
        line.append(self._readable(f" {count}, by {view.field.title}{arrow}"))
        for badge in badges:
            line.append(self._readable(f"  {badge}"), "bold")
        return line
