"""Commands that sort."""

from __future__ import annotations

from dataclasses import replace

from epolltop.ui.dialogs.picker import Choice, Picker
from epolltop.ui.main_screen import MainScreen


def by_column(screen: MainScreen, column_id: str) -> None:
    """Sorts by a column; reverses the order if rows are already sorted by it."""
    here = screen.trail.here
    same = column_id == here.view.field.id
    screen.move_to(replace(here, sort=column_id, reverse=same and not here.reverse))


def step(screen: MainScreen, columns: int) -> None:
    """Sorts by the column that many to the right."""
    here, shown = screen.trail.here, screen.board.main.column_ids
    at = shown.index(here.view.field.id) if here.view.field.id in shown else 0
    screen.move_to(replace(here, sort=shown[(at + columns) % len(shown)], reverse=False))


async def pick(screen: MainScreen) -> None:
    """Chooses among all fields."""
    here = screen.trail.here

    def chosen(field_id: str | None) -> None:
        if field_id is not None:
            screen.move_to(replace(here, sort=field_id, reverse=False))

    choices = [Choice(field.id, field.title, field.help) for field in here.subject.fields]
    await screen.app.push_screen(Picker("Sort by:", choices, screen.readable, here.view.field.id), chosen)


def reverse(screen: MainScreen) -> None:
    """Reverses the order."""
    here = screen.trail.here
    screen.move_to(replace(here, reverse=not here.reverse))
