"""Commands that filter rows, by a typed filter or by the cells of a row."""

from __future__ import annotations

from typing import Any

from epolltop.query.field import Field, Value, lookup
from epolltop.query.mistake import FilterError
from epolltop.ui.dialogs.picker import Choice, Picker
from epolltop.ui.main_screen import MainScreen


def can_type(screen: MainScreen) -> bool:
    """While a filter is typed, and in dialogs, no other filter bar opens."""
    return screen.is_in_front and not screen.filter_bar.is_open


def type_filter(screen: MainScreen) -> None:
    """Opens the filter bar."""
    screen.filter_bar.open(screen.trail.here.filter_text)


def by_cell(screen: MainScreen, negate: bool) -> None:
    """Filters by the cell under the cursor, as text that can be changed."""
    here, table, snapshot = screen.trail.here, screen.board.main, screen.ring.shown
    row = table.cursor_row
    if row is None or snapshot is None:
        return
    field = lookup(here.subject.fields, table.cursor_column or here.view.field.id)
    if field.otherwise and field.value(row, snapshot) is None:
        field = field.otherwise
    _narrow(screen, field, field.value(row, snapshot), negate=negate)


async def pick(screen: MainScreen, field_id: str) -> None:
    """Chooses one of the values that rows have."""
    here, snapshot = screen.trail.here, screen.ring.shown
    field = next((field for field in here.subject.fields if field.id == field_id), None)
    if field is None or snapshot is None:
        said = f"{here.subject.id} have no {field_id}." if snapshot else "There is nothing to choose from yet."
        screen.app.notify(said, severity="warning")
        return
    found = {field.value(row, snapshot) for row in here.subject.rows(snapshot)} - {None}

    def chosen(value: str | None) -> None:
        if value is not None:
            _narrow(screen, field, value, negate=False)

    choices = [Choice(str(value), str(value)) for value in sorted(found, key=str)]
    await screen.app.push_screen(Picker(f"Only {field.title.lower()}:", choices, screen.readable), chosen)


def _narrow(screen: MainScreen, field: Field[Any], value: Value, *, negate: bool) -> None:
    try:
        screen.move_to(screen.trail.here.narrowed(field, value, negate=negate))
    except FilterError as error:
        screen.app.notify(f"Not filtered: {error.message}", severity="warning", markup=False)
