"""A text that is scrolled, with the keys of a pager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll


class Pager(VerticalScroll, can_focus=True):
    """Arrows, PgUp, PgDn, Home, End and the wheel; k, j, g and G as in tables. Keys show what they do at once.

    Each step begins where the one before it ended, also where several come before the text is drawn: Textual's own
    begin at what is on screen.
    """

    # In their turn: see epolltop.ui.keys.at_tables.
    BINDINGS: ClassVar[list[BindingType]] = [
        *(replace(binding, priority=True) for binding in VerticalScroll.BINDINGS if isinstance(binding, Binding)),
        Binding("j", "scroll_down", show=False, priority=True),
        Binding("k", "scroll_up", show=False, priority=True),
        Binding("g", "scroll_home", show=False, priority=True),
        Binding("G", "scroll_end", show=False, priority=True),
    ]

    def action_scroll_down(self) -> None:
        """A line on."""
        self._scroll_by(lambda: 1)

    def action_scroll_up(self) -> None:
        """A line back."""
        self._scroll_by(lambda: -1)

    def action_page_down(self) -> None:
        """What fits on, on."""
        self._scroll_by(lambda: self.scrollable_content_region.height)

    def action_page_up(self) -> None:
        """What fits on, back."""
        self._scroll_by(lambda: -self.scrollable_content_region.height)

    def action_scroll_home(self) -> None:
        """To the first line."""
        self._once_drawn(partial(self.scroll_home, animate=False, immediate=True))

    def action_scroll_end(self) -> None:
        """To the last line."""
        self._once_drawn(partial(self.scroll_end, animate=False, immediate=True))

    def _scroll_by(self, lines: Callable[[], int]) -> None:
        self._once_drawn(lambda: self.scroll_relative(y=lines(), animate=False, immediate=True))

    def _once_drawn(self, scroll: Callable[[], None]) -> None:
        """Before, nobody knows how long the text is."""
        self.call_after_refresh(scroll)
