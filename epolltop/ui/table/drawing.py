"""The drawing of a table: rows in columns under a fixed header, with one row and maybe one cell under the cursor.

Texts are drawn as they are, never read as markup; the caller makes them safe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol

from rich.style import Style
from textual.geometry import Offset

from epolltop.ui.table.layout import Column, Layout, Row
from epolltop.ui.table.line import Line, shortened
from epolltop.ui.table.selection import Rows

_CELL = Style(reverse=True)
"""On top of the cursor's, for the current cell. No component class: Textual leaves reverse out of those."""

_MARKS = " ▸●◉", " >*@"
"""Of a row, of the one under the cursor, of a marked one, of both; in ASCII."""

COMPONENT_CLASSES = frozenset(
    f"table--{name}" for name in ("header", "odd", "dim", "bold", "notice", "warn", "error", "marked", "cursor")
)
# The vertical scrollbar is always there: columns do not shift when rows come and go.
CSS = """
SheetView {
    overflow-y: scroll;
    scrollbar-size-vertical: 1;
    & > .table--header { background: $panel; color: $foreground; text-style: bold; }
    & > .table--odd { background: $foreground 4%; }
    & > .table--dim { color: $text-muted; }
    &:ansi > .table--dim { text-style: dim; }
    & > .table--bold { text-style: bold; }
    & > .table--notice { color: $text-warning; }
    & > .table--warn { color: $text-warning; text-style: bold; }
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


class Looks(Protocol):
    """The interface of the widget on which a sheet is drawn."""

    has_focus: bool

    def style_of(self, *names: str) -> Style:
        """Component classes on top of each other, the last one on top; a name is some of them, apart by blanks."""

    def empty_lines(self, width: int) -> Sequence[str]:
        """What is drawn where there are no rows: says why."""


class Sheet(Generic[Row]):
    """Makes lines. A cell is formatted when its line is drawn or compared with what was drawn, and never before."""

    def __init__(
        self, rows: Rows[Row], looks: Looks, row_class: Callable[[Row], str] | None, *, ascii_only: bool
    ) -> None:
        """Without columns.

        Args:
            rows: those to draw.
            looks: of the widget.
            row_class: the component classes that a row wears, apart by blanks.
            ascii_only: whether marks and arrows are ASCII.
        """
        self._rows, self._looks, self._row_class, self._ascii_only = rows, looks, row_class, ascii_only
        self.layout: Layout[Row] = Layout((), 0)
        self.sort: tuple[str | None, bool] = None, False
        """What the header says that rows are sorted by, and whether the largest comes first."""
        self.column: str | None = None
        """Of the cursor; outlives not being shown."""

    @property
    def ellipsis(self) -> str:
        """What the end of a text that is too long is replaced by."""
        return "~" if self._ascii_only else "…"

    def line(self, y: int, scrolled: Offset) -> Line:
        """The header, a row, or what there is instead of one, with what is above and left of an offset scrolled away.

        Args:
            y: the line of the widget.
            scrolled: where the first row and column in view are.
        """
        at = y - 1 + scrolled.y
        in_view = self.layout.in_view(scrolled.x)
        if y == 0:
            return self._header_line(in_view)
        if at < len(self._rows.shown):
            return self._row_line(at, self.layout.columns[in_view])
        if not self._rows.shown:
            return self._empty_line(at)
        return Line("", self._looks.style_of())

    def _header_line(self, in_view: slice) -> Line:
        style = self._looks.style_of("table--header")
        sorted_by, reverse = self.sort
        arrow = ("v" if reverse else "^") if self._ascii_only else ("▼" if reverse else "▲")
        layout = self.layout
        titles = (
            shortened(column.title, width - 1, self.ellipsis) + arrow if column.id == sorted_by else column.title
            for column, width in zip(layout.columns[in_view], layout.widths[in_view], strict=True)
        )
        return Line(" ", style, [(title, style) for title in titles])

    def _row_line(self, at: int, columns: Sequence[Column[Row]]) -> Line:
        rows, row, style_of = self._rows, self._rows.shown[at], self._looks.style_of
        current, marked = at == rows.at, rows.is_marked(at)
        below = (
            "table--odd" if at % 2 else "",
            self._row_class(row) if self._row_class else "",
            "table--marked" if marked else "",
        )
        above = "table--cursor" if current else ""
        style = style_of(*below, above)
        cells = []
        for column in columns:
            own = column.style(row) if column.style else ""
            cells.append((column.render(row), style_of(*below, own, above) if own else style))
        if current and self._looks.has_focus and self.column:
            cells = [
                (text, style + _CELL if column.id == self.column else style)
                for column, (text, style) in zip(columns, cells, strict=True)
            ]
        return Line(_MARKS[self._ascii_only][current + 2 * marked], style, cells)

    def _empty_line(self, at: int) -> Line:
        lines = self._looks.empty_lines(max(1, self.layout.room))
        return Line(f" {lines[at]}" if at < len(lines) else "", self._looks.style_of("table--dim"))
