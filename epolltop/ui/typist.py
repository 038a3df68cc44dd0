"""Typed keys: each acts in its turn, on the rows that the keys before it led to."""

from __future__ import annotations

from textual import events

from epolltop.ui.entry import TakesKeys
from epolltop.ui.filterbar import FilterBar
from epolltop.ui.keys import EVERYWHERE
from epolltop.ui.picker import Picker, Question
from epolltop.ui.watching import Watching


class Typist(Watching):
    """Handles keys in one task, the app's: what they open takes those that come after.

    So a dialog is there when `push_screen` was awaited, its keys have priority or are taken by its line, and it has the
    focus from the beginning.
    """

    @property
    def is_filtering(self) -> bool:
        """Whether the filter bar is open."""
        return any(bar.is_open for bar in self.query(FilterBar))

    async def on_event(self, event: events.Event) -> None:
        """Keys act in the order in which they were typed."""
        if isinstance(event, events.Key) and not event.is_forwarded and await self._typed(event):
            self.app_focus = True  # what types has the focus, as Textual has it with the keys it handles
            return
        await super().on_event(event)

    async def _typed(self, key: events.Key) -> bool:
        """Whether what has a line had use for a key."""
        if key.key in EVERYWHERE or self.is_gone():
            return False
        taker = self._taker()
        if taker is None:
            if self.screen is self.default_screen:
                await self.there()
            return False
        is_taken = await taker.take(key)
        if isinstance(taker, FilterBar) and not taker.is_open:
            self.board.focus_main()
        return is_taken

    def _taker(self) -> TakesKeys | None:
        if isinstance(self.screen, Picker | Question):
            return self.screen
        return self.query_one(FilterBar) if self.screen is self.default_screen and self.is_filtering else None

    def on_mouse_down(self) -> None:
        """Whoever reaches for something else has typed all."""
        for bar in self.query(FilterBar):
            if not bar.has_focus_within:
                bar.close()
