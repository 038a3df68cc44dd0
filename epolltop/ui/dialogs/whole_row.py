"""A page with all fields of a row in full, even those without a column, and its whole command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Column, Table
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field, apart
from epolltop.ui.dialogs.pager import Page, Pager


def whole(row: Any, fields: Sequence[Field[Any]], snapshot: Snapshot) -> list[tuple[str, str]]:
    """Titles and texts, the command line first; texts are in full where columns shorten them."""

    def told(field: Field[Any]) -> str:
        value = field.value(row, snapshot)
        return value if isinstance(value, str) else field.show(row, snapshot)

    return [(field.title, told(field)) for field in sorted(apart(fields), key=lambda field: field.id != "command")]


class Whole(Page):
    """One row as it is in one snapshot, scrolled."""

    def __init__(self, lines: Sequence[tuple[str, str]], readable: Callable[[str], str]) -> None:
        """With what `whole` answers.

        Args:
            lines: titles and texts.
            readable: applied to both.
        """
        super().__init__(("w", "i"))
        self._lines = lines
        self._readable = readable

    def compose(self) -> ComposeResult:
        table = Table.grid(Column(width=12), Column(overflow="fold"))
        for title, text in self._lines:
            table.add_row(Text(self._readable(title), "bold"), Text(self._readable(text)))
        with Pager(id="whole"):
            yield Static(table)
