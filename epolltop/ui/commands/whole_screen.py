"""The screen as a whole, as the terminal has it."""

from __future__ import annotations

from epolltop.ui.main_screen import MainScreen


def redraw(screen: MainScreen) -> None:
    """Draws all of it again."""
    screen.redraw()


def go_on(screen: MainScreen) -> None:
    """Says what to do instead of ^Q, which others take for leaving."""
    screen.app.notify("^Q does not quit; q does.", timeout=3)
