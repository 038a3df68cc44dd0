"""Fields of the registry as columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field
from epolltop.query.member import Row
from epolltop.ui.table.layout import Column


def columns(
    fields: Sequence[Field[Row]], snapshot: Callable[[], Snapshot], readable: Callable[[str], str]
) -> list[Column[Row]]:
    """Columns that draw fields.

    Args:
        fields: those to show.
        snapshot: the one on screen; asked when a cell is drawn.
        readable: applied to every cell (ASCII only, say).
    """

    def draw(field: Field[Row], row: Row) -> str:
        return readable(field.show(row, snapshot()))

    def style(field: Field[Row], row: Row) -> str:
        severity = field.severity(row, snapshot())
        return f"table--{severity}" if severity else ""

    return [
        Column(field.id, field.title, field.width, field.right, partial(draw, field), partial(style, field))
        for field in fields
    ]
