"""What is typed: each key acts in its turn, on the rows that the keys before it led to."""

from __future__ import annotations

from textual import events

from epolltop.ui.dialogs.pager import Page
from epolltop.ui.dialogs.picker import Picker, Question
from epolltop.ui.keys import ACTIONS, EVERYWHERE
from epolltop.ui.watching import Watching
from epolltop.ui.widgets.filter_bar import FilterBar
from epolltop.ui.widgets.line_input import TakesKeys


class Typist(Watching):
    """Handles keys in one task, the app's: what they open takes all that come after, until it closes.

    So what they open is there when `push_screen` was awaited. (The palette is Textual's, and has its own ways.)
    """

    @property
    def is_filtering(self) -> bool:
        """Whether the filter bar is open."""
        return any(bar.is_open for bar in self.query(FilterBar))

    async def on_event(self, event: events.Event) -> None:
        """Keys act in the order in which they were typed."""
        if isinstance(event, events.Key) and event.key == "ctrl+j":
            event = events.Key("enter", "\r")  # as Enter comes that was typed before the screen was there
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded and await self._typed(event):
            self.app_focus = True  # what types has the focus, as Textual has it with the keys it handles
            return
        await super().on_event(event)

    async def _typed(self, typed: events.Key | events.Paste) -> bool:
        """Whether it was for what is open."""
        if self.is_gone() or (isinstance(typed, events.Key) and typed.key in EVERYWHERE):
            return False
        taker = self._taker()
        if taker is None:
            if self.screen is self.default_screen:
                await self.there()
            return False
        is_taken = await taker.take(typed)
        if isinstance(taker, Page) and not is_taken and isinstance(typed, events.Key):
            await taker.dismiss()
            await self.run_action(ACTIONS[typed.key])
        elif isinstance(taker, FilterBar):
            if not is_taken and isinstance(typed, events.Key) and typed.key in ACTIONS:
                await self.run_action(ACTIONS[typed.key])
            elif not taker.is_open:
                self.board.focus_main()
        return True

    def _taker(self) -> TakesKeys | None:
        match self.screen:
            case Picker() | Question() | Page() as dialog:
                return dialog
            case self.default_screen if self.is_filtering:
                return self.query_one(FilterBar)
        return None

    def on_mouse_down(self) -> None:
        """Whoever reaches for something else has typed all."""
        for bar in self.query(FilterBar):
            if not bar.has_focus_within:
                bar.close()
