"""Fields of the registry as columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from epolltop.model.snapshot import Snapshot
from epolltop.query.fields import Field, Row, fitting
from epolltop.ui.table import Column

Shown = TypeVar("Shown")


def columns(
    fields: Sequence[Field[Row]],
    record: Callable[[Shown], Row],
    snapshot: Callable[[], Snapshot],
    readable: Callable[[str], str],
    width: int,
) -> list[Column[Shown]]:
    """The columns that fit.

    Args:
        fields: the registry.
        record: what the fields are about, of a row of the table.
        snapshot: the one on screen; asked when a cell is drawn.
        readable: applied to every cell (ASCII only, say).
        width: cells of a line.
    """

    def draw(field: Field[Row], row: Shown) -> str:
        return readable(field.show(record(row), snapshot()))

    def style(field: Field[Row], row: Shown) -> str:
        severity = field.severity(record(row))
        return f"table--{severity}" if severity else ""

    return [
        Column(field.id, field.title, field.width, field.right, partial(draw, field), partial(style, field))
        for field in fitting(fields, width)
    ]
