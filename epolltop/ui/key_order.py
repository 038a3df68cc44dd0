"""The order of keys: each key acts in its turn, on the rows that the keys before it led to.

One task, the app's, handles keys. A page or dialog that a key opens takes all later keys until it closes. So it must be
open when `push_screen` has been awaited. (The palette is Textual's, and behaves in its own way.)
"""

from __future__ import annotations

from textual import events

from epolltop.ui.dialogs.pager import Page
from epolltop.ui.dialogs.picker import Picker, Question
from epolltop.ui.keys import ACTIONS, EVERYWHERE
from epolltop.ui.main_screen import MainScreen
from epolltop.ui.widgets.filter_bar import FilterBar
from epolltop.ui.widgets.line_input import TakesKeys


def typed(event: events.Event) -> events.Key | events.Paste | None:
    """The key that a person typed; None: the event is something else, or was handled before."""
    if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
        return None
    if isinstance(event, events.Key) and event.key == "ctrl+j":
        return events.Key("enter", "\r")  # as Enter comes that was typed before the screen was there
    return event


async def take(screen: MainScreen, typed: events.Key | events.Paste) -> bool:
    """Hands it to the open page or dialog; False if there is none, so that Textual handles it."""
    if screen.is_gone or (isinstance(typed, events.Key) and typed.key in EVERYWHERE):
        return False
    taker = _taker(screen)
    if taker is None:
        if screen.is_in_front:
            await screen.there()
        return False
    is_taken = await taker.take(typed)
    if isinstance(taker, Page) and not is_taken and isinstance(typed, events.Key):
        await taker.dismiss()
        await screen.app.run_action(ACTIONS[typed.key])
    elif isinstance(taker, FilterBar):
        if not is_taken and isinstance(typed, events.Key) and typed.key in ACTIONS:
            await screen.app.run_action(ACTIONS[typed.key])
        elif not taker.is_open:
            screen.board.focus_main()
    return True


def _taker(screen: MainScreen) -> TakesKeys | None:
    match screen.app.screen:
        case Picker() | Question() | Page() as dialog:
            return dialog
    return screen.filter_bar if screen.is_in_front and screen.filter_bar.is_open else None
