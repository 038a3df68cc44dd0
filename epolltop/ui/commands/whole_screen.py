"""Commands for the whole screen."""

from __future__ import annotations

from epolltop.ui.main_screen import MainScreen


def redraw(screen: MainScreen) -> None:
    """Draws the whole screen again."""
    screen.redraw()


def go_on(screen: MainScreen) -> None:
    """Says what to use instead of ^Q, which quits other programs."""
    screen.app.notify("^Q does not quit; q does.", timeout=3)
