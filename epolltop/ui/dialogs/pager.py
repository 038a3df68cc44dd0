"""A scrolled text with the keys of a pager, and a page with such a text, until a key closes it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingsMap, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from epolltop.ui.keys import PAGES
from epolltop.ui.widgets.key_footer import KeyFooter


class Pager(VerticalScroll, can_focus=True):
    """Arrows, PgUp, PgDn, Home, End and the wheel; k, j, ^U, ^D, g and G as in tables. Keys show what they do at once.

    Each step begins where the one before it ended, also where several come before the text is drawn: Textual's own
    begin at what is on screen.
    """

    # In their turn: see epolltop.ui.keys.at_tables.
    BINDINGS: ClassVar[list[BindingType]] = [
        *(replace(binding, priority=True) for binding in VerticalScroll.BINDINGS if isinstance(binding, Binding)),
        Binding("j", "scroll_down", show=False, priority=True),
        Binding("k", "scroll_up", show=False, priority=True),
        Binding("ctrl+d", "half_page(1)", show=False, priority=True),
        Binding("ctrl+u", "half_page(-1)", show=False, priority=True),
        Binding("g", "scroll_home", show=False, priority=True),
        Binding("G", "scroll_end", show=False, priority=True),
    ]

    def action_scroll_down(self) -> None:
        """Scrolls down a line."""
        self._scroll_by(lambda: 1)

    def action_scroll_up(self) -> None:
        """Scrolls up a line."""
        self._scroll_by(lambda: -1)

    def action_page_down(self) -> None:
        """Scrolls down a page."""
        self._scroll_by(lambda: self.scrollable_content_region.height)

    def action_page_up(self) -> None:
        """Scrolls up a page."""
        self._scroll_by(lambda: -self.scrollable_content_region.height)

    def action_half_page(self, halves: int) -> None:
        """Scrolls down that many half pages."""
        self._scroll_by(lambda: halves * self.scrollable_content_region.height // 2)

    def action_scroll_home(self) -> None:
        """To the first line."""
        self._once_drawn(partial(self.scroll_home, animate=False, immediate=True))

    def action_scroll_end(self) -> None:
        """To the last line."""
        self._once_drawn(partial(self.scroll_end, animate=False, immediate=True))

    def _scroll_by(self, lines: Callable[[], int]) -> None:
        self._once_drawn(lambda: self.scroll_relative(y=lines(), animate=False, immediate=True))

    def _once_drawn(self, scroll: Callable[[], None]) -> None:
        """Waits until the length of the text is known."""
        self.call_after_refresh(scroll)


_BOUND = BindingsMap(Pager.BINDINGS).key_to_bindings


class Page(ModalScreen[None]):
    """A pager over the whole screen. Space scrolls a page, as in less; unknown keys do nothing.

    The app handles keys that open other pages.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", key_display="Esc")]

    def __init__(self, closing: Collection[str]) -> None:
        """With keys that close it, beside Escape and q."""
        super().__init__()
        self._closed_by = {"escape", "q", *closing}

    def on_mount(self) -> None:
        """The keys of what is below do something else here."""
        self.mount(KeyFooter(show_command_palette=False))

    async def take(self, typed: events.Key | events.Paste) -> bool:
        if isinstance(typed, events.Paste):
            return False
        if typed.key in self._closed_by:
            self.dismiss()
        elif typed.key == "space":
            self.query_one(Pager).action_page_down()
        elif typed.key in PAGES:
            return False
        for binding in _BOUND.get(typed.key, ()):
            await self.query_one(Pager).run_action(binding.action)
        return True
