"""Which rows: marked for copying and exporting, or followed wherever they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epolltop.ui.main_screen import MainScreen


def follow(screen: MainScreen) -> None:
    """Keeps the cursor on its row, or no longer."""
    screen.board.main.follow = not screen.board.main.follow
    screen.draw_crumbs()


def tell_lost(screen: MainScreen) -> None:
    """Says that a row cannot be followed any more."""
    screen.app.notify("The followed row is gone.")
    screen.draw_crumbs()


def mark(screen: MainScreen) -> None:
    """Marks the row under the cursor, or no longer."""
    screen.board.main.toggle_mark()
    screen.draw_crumbs()


def unmark(screen: MainScreen) -> None:
    """No row is marked."""
    screen.board.main.unmark_all()
    screen.draw_crumbs()


def chosen(screen: MainScreen) -> Sequence[Any]:
    """What to export or copy: the marked rows, else all that are shown."""
    return screen.board.main.marked_rows() or screen.board.main.rows
