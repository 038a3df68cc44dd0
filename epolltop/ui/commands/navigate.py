"""Commands that navigate: to other views, into a row, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from epolltop.model.finding import Finding
from epolltop.query.finding_of import subject_of
from epolltop.query.mistake import FilterError
from epolltop.ui.main_screen import MainScreen
from epolltop.ui.state.navigation import Trail
from epolltop.ui.table.virtual_table import VirtualTable


def view(screen: MainScreen, subject_id: str) -> None:
    """Shows all rows of a subject in its last state, with the present filter if its rows have these fields."""
    left, table = screen.trail.places[0], screen.board.main
    if screen.trail.is_root and table.sticks_to_row:
        left = replace(left, cursor=table.cursor_key)
    screen.roots[left.subject.id] = left
    screen.board.zoom(False)
    place = screen.roots[subject_id]
    if left.filter_text and left.subject is not place.subject:
        try:
            place = place.filtered(left.filter_text)
        except FilterError as error:
            said = f"The filter does not apply here: {error.message}"
            screen.app.notify(said, severity="warning", markup=False)
    screen.go(Trail((place,)))


def open_row(screen: MainScreen) -> None:
    """Opens the row under the cursor. Without rows there still is a story of the instance that was opened."""
    table = screen.app.screen.focused or screen.board.main
    if isinstance(table, VirtualTable) and (table.cursor_row is not None or screen.trail.here.instance):
        drill(screen, table.cursor_row)


def drill(screen: MainScreen, row: Any) -> None:
    """Opens a row; if there is nothing below it, shows its detail in full."""
    left = screen.trail.at(replace(screen.trail.here, cursor=screen.board.main.cursor_key))
    if isinstance(row, Finding) and screen.ring.shown:
        row = subject_of(row, screen.ring.shown) or row
    deeper = left.into(row)
    if deeper is left:
        screen.board.zoom(not screen.board.is_zoomed)
    else:
        screen.go(deeper)


def can_go_back(screen: MainScreen) -> bool:
    """At the root there is no way back."""
    return screen.board.is_zoomed or not screen.trail.is_root or bool(screen.trail.here.filter_text)


def back(screen: MainScreen) -> None:
    """One step, never out of the program."""
    here = screen.trail.here
    if screen.board.is_zoomed:
        screen.board.zoom(False)
    elif here.filter_text:
        screen.move_to(here.filtered(""))
    else:
        up(screen)


def up(screen: MainScreen) -> None:
    """Goes back one level."""
    screen.board.zoom(False)
    screen.go(screen.trail.back())


def row(screen: MainScreen, rows: int) -> None:
    """Moves the main table's cursor, whatever has the focus."""
    screen.board.main.action_move(rows)


def raw(screen: MainScreen) -> None:
    """Switches the detail pane between the story and the fields."""
    screen.board.raw = not screen.board.raw
    screen.board.describe()
