"""Commands that mark rows for copying and exporting, or follow a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epolltop.ui.main_screen import MainScreen


def follow(screen: MainScreen) -> None:
    """Starts or stops keeping the cursor on its row."""
    screen.board.main.follow = not screen.board.main.follow
    screen.draw_crumbs()


def tell_lost(screen: MainScreen) -> None:
    """Says that a row cannot be followed any more."""
    screen.app.notify("The followed row is gone.")
    screen.draw_crumbs()


def mark(screen: MainScreen) -> None:
    """Marks or unmarks the row under the cursor."""
    screen.board.main.toggle_mark()
    screen.draw_crumbs()


def unmark(screen: MainScreen) -> None:
    """Removes all marks."""
    screen.board.main.unmark_all()
    screen.draw_crumbs()


def chosen(screen: MainScreen) -> Sequence[Any]:
    """The rows to export or copy: the marked rows, or else all that are shown."""
    return screen.board.main.marked_rows() or screen.board.main.rows
