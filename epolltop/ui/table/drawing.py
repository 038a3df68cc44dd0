"""How a table looks: rows in columns under a header that stays, one row and maybe one cell of it under the cursor.

Texts are drawn as they are, never read as markup; who makes them makes them safe.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, Generic

from rich.style import Style
from rich.text import Text
from textual.geometry import Offset, Region, Size
from textual.reactive import reactive

from epolltop.ui.table.layout import Column, Layout, Row
from epolltop.ui.table.line import Line, shortened
from epolltop.ui.table.line_view import LineView
from epolltop.ui.table.selection import Rows

_CELL = Style(reverse=True)
"""On top of the cursor's, for the current cell. No component class: Textual leaves reverse out of those."""

_MARKS = " ▸●◉", " >*@"
"""Of a row, of the one under the cursor, of a marked one, of both; in ASCII."""


class Sheet(LineView, Generic[Row]):
    """A cell is formatted when its line is drawn or compared with what was drawn, and never before."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--odd",
        "table--dim",
        "table--bold",
        "table--warn",
        "table--error",
        "table--marked",
        "table--cursor",
    }
    # The vertical scrollbar is always there: columns do not shift when rows come and go.
    DEFAULT_CSS = """
    Sheet {
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & > .table--header { background: $panel; color: $foreground; text-style: bold; }
        & > .table--odd { background: $foreground 4%; }
        & > .table--dim { color: $text-muted; }
        &:ansi > .table--dim { text-style: dim; }
        & > .table--bold { text-style: bold; }
        & > .table--warn { color: $text-warning; }
        & > .table--error { color: $text-error; text-style: bold; }
        & > .table--marked { color: $text-accent; }
        & > .table--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: bold;
        }
        &:focus > .table--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """

    empty: reactive[str] = reactive("")
    """Drawn instead of rows when there are none: says why."""

    def __init__(
        self,
        *,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], Hashable],
        empty: str = "",
        row_class: Callable[[Row], str] | None = None,
        ascii_only: bool = False,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """Without rows. What rows and cells wear is component classes, apart by blanks."""
        super().__init__(id=id, classes=classes, ascii_only=ascii_only)
        self.set_reactive(Sheet.empty, empty)
        self._row_class = row_class
        self._sort: tuple[str | None, bool] = None, False
        self._rows = Rows(key)
        self._column: str | None = None  # of the cursor; outlives not being shown
        self.set_columns(columns)

    # The columns.

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns for the same rows."""
        self._layout = Layout(columns, self.room)
        self._extend()
        self.refresh()

    def set_sort(self, column_id: str | None, reverse: bool) -> None:
        """Say in the header what the rows are sorted by; the order itself is the caller's."""
        if self._sort != (column_id, reverse):
            self._sort = column_id, reverse
            self.refresh(Region(0, 0, self._layout.room + 1, 1))

    @property
    def cursor_column(self) -> str | None:
        """The id of the current cell's column, None until someone chose one or while it is not shown."""
        return self._column if self._column in self._layout.ids else None

    @property
    def column_ids(self) -> list[str]:
        """From left to right."""
        return self._layout.ids

    @property
    def room(self) -> int:
        """Cells that columns have, the blank ones between them included."""
        return self.scrollable_content_region.width - 1

    def _extend(self) -> None:
        """What there is to scroll over."""
        self.virtual_size = Size(self._layout.width, 1 + len(self._rows.shown))

    # The lines.

    def line(self, y: int, scrolled: Offset) -> Line:
        """The header, a row, or what there is instead of one."""
        at = y - 1 + scrolled.y
        in_view = self._layout.in_view(scrolled.x)
        if y == 0:
            return self._header_line(in_view)
        if at < len(self._rows.shown):
            return self._row_line(at, self._layout.columns[in_view])
        if not self._rows.shown:
            return self._empty_line(at)
        return Line("", self.style_of())

    def _header_line(self, in_view: slice) -> Line:
        style = self.style_of("table--header")
        sorted_by, reverse = self._sort
        arrow = ("v" if reverse else "^") if self.ascii_only else ("▼" if reverse else "▲")
        layout = self._layout
        titles = (
            shortened(column.title, width - 1, self.ellipsis) + arrow if column.id == sorted_by else column.title
            for column, width in zip(layout.columns[in_view], layout.widths[in_view], strict=True)
        )
        return Line(" ", style, [(title, style) for title in titles])

    def _row_line(self, at: int, columns: Sequence[Column[Row]]) -> Line:
        rows, row = self._rows, self._rows.shown[at]
        current, marked = at == rows.at, rows.is_marked(at)
        below = (
            "table--odd" if at % 2 else "",
            self._row_class(row) if self._row_class else "",
            "table--marked" if marked else "",
        )
        above = "table--cursor" if current else ""
        style = self.style_of(*below, above)
        cells = []
        for column in columns:
            own = column.style(row) if column.style else ""
            cells.append((column.render(row), self.style_of(*below, own, above) if own else style))
        if current and self.has_focus and self._column:
            cells = [
                (text, style + _CELL if column.id == self._column else style)
                for column, (text, style) in zip(columns, cells, strict=True)
            ]
        return Line(_MARKS[self.ascii_only][current + 2 * marked], style, cells)

    def _empty_line(self, line: int) -> Line:
        lines = Text(self.empty).wrap(self.app.console, max(1, self._layout.room))
        return Line(" " + lines[line].plain if line < len(lines) else "", self.style_of("table--dim"))
