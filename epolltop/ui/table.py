"""A table that costs what is on screen: a cell is formatted when its line is drawn, and never before.

It knows nothing of what its rows mean. Texts are drawn as they are, never read as markup; who makes them makes them
safe.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from epolltop.ui.layout import Column, Layout, Row
from epolltop.ui.line import Line, changed, shortened, strip

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Column", "VirtualTable"]

_CELL = Style(reverse=True)
"""On top of the cursor's, for the current cell. No component class: Textual leaves reverse out of those."""


class VirtualTable(ScrollView, Generic[Row], can_focus=True):
    """Rows under a header line that stays, one of them under the cursor.

    The cursor belongs to a row, not to a line: it goes where the row of its key goes. Until someone moves it, it stays
    on the first line, whichever row is there.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("ctrl+u", "page(-1, 2)", "Half a page up", show=False),
        Binding("ctrl+d", "page(1, 2)", "Half a page down", show=False),
        Binding("home,g", "first", "First row", show=False),
        Binding("end,G", "last", "Last row", show=False),
        Binding("left", "cell(-1)", "Cell to the left", show=False),
        Binding("right", "cell(1)", "Cell to the right", show=False),
        Binding("enter", "activate", "Open", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--odd",
        "table--dim",
        "table--bold",
        "table--warn",
        "table--error",
        "table--cursor",
    }
    # The vertical scrollbar is always there: columns do not shift when rows come and go.
    DEFAULT_CSS = """
    VirtualTable {
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & > .table--header { background: $panel; color: $foreground; text-style: bold; }
        & > .table--odd { background: $foreground 4%; }
        & > .table--dim { color: $text-muted; }
        &:ansi > .table--dim { text-style: dim; }
        & > .table--bold { text-style: bold; }
        & > .table--warn { color: $text-warning; }
        & > .table--error { color: $text-error; text-style: bold; }
        & > .table--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
            text-style: bold;
        }
        &:focus > .table--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    }
    """

    # As in Widget, but other rows do not mean other lines: what differs is painted.
    virtual_size = Reactive(Size(0, 0), layout=True, repaint=False)
    empty: reactive[str] = reactive("")
    """Drawn instead of rows when there are none: says why."""

    @dataclass
    class TableMessage(Message):
        """Sent by a table."""

        table: VirtualTable[Any]

        @property
        def control(self) -> VirtualTable[Any]:
            """What `on` matches its selector with."""
            return self.table

    @dataclass
    class RowHighlighted(TableMessage):
        """Another row is under the cursor, or another record of the same row, or none."""

        row: Any

    @dataclass
    class RowActivated(TableMessage):
        """Enter on a row, or a double click."""

        row: Any

    @dataclass
    class Resized(TableMessage):
        """The table has another size: other columns may fit."""

    @dataclass
    class HeaderClicked(TableMessage):
        """A click on the title of a column."""

        column_id: str

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
        super().__init__(id=id, classes=classes)
        self.set_reactive(VirtualTable.empty, empty)
        self.ascii_only = ascii_only
        self._key = key
        self._row_class = row_class
        self._sort: tuple[str | None, bool] = None, False
        self._rows: Sequence[Row] = ()
        self._at = 0
        self._row: Row | None = None  # the record under the cursor
        self._wanted: Hashable = None  # its key; outlives an empty table
        self._pinned = False  # the cursor was moved: it follows its key
        self._column: str | None = None  # of the cursor; outlives not being shown
        self._drawn: dict[int, Line] = {}  # by line of the screen
        self._ready: dict[int, Line] = {}  # what of it is painted next
        self._styles: dict[tuple[str, ...], Style] = {}
        self.set_columns(columns)

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._row

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the row under the cursor, None without rows."""
        return None if self._row is None else self._wanted

    @property
    def cursor_column(self) -> str | None:
        """The id of the current cell's column, None until someone chose one or while it is not shown."""
        return self._column if self._column in self._layout.ids else None

    def show(self, rows: Sequence[Row]) -> None:
        """Other rows, in the order to draw them in; they belong to the table from here on.

        The cursor keeps its line on the screen if it was on the screen, else the view stays where it is.
        """
        line = self._at - self.scroll_offset.y
        follow = self._row is None or 0 <= line < self._page
        self._rows = rows
        self._extend()
        self._place(self._find())
        # Scrolling to where it already is makes Textual forget a target that is beyond the new end.
        self._scroll_to_row(self._at - min(max(line, 0), self._page - 1) if follow else self.scroll_offset.y)
        self._repaint()

    def select(self, key: Hashable) -> bool:
        """Put the cursor on the row of this key, and that row on screen; False if there is none."""
        try:
            at = operator.indexOf(map(self._key, self._rows), key)
        except ValueError:
            return False
        self._pinned = True
        self._go(at)
        return True

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns for the same rows."""
        self._arrange(columns)

    def set_sort(self, column_id: str | None, reverse: bool) -> None:
        """Say in the header what the rows are sorted by; the order itself is the caller's."""
        self._sort = column_id, reverse
        self._repaint()

    # The cursor.

    @property
    def _page(self) -> int:
        """How many rows fit under the header."""
        return max(1, self.scrollable_content_region.height - 1)

    def _find(self) -> int:
        """Where the cursor belongs: on its key, else on the line it was on."""
        if not self._pinned or not self._rows:
            return 0
        at = min(self._at, len(self._rows) - 1)
        if self._key(self._rows[at]) == self._wanted:
            return at
        try:
            return operator.indexOf(map(self._key, self._rows), self._wanted)
        except ValueError:
            return at

    def _place(self, at: int) -> None:
        row = None
        if self._rows:
            row = self._rows[at]
            self._at = at
            self._wanted = self._key(row)
        if row is not self._row:
            self._row = row
            self.post_message(self.RowHighlighted(self, row))

    def _go(self, at: int) -> None:
        """Move the cursor to the nearest line there is, and that line on screen."""
        if not self._rows:
            return
        at = max(0, min(at, len(self._rows) - 1))
        self._pinned = self._pinned or at != self._at
        self.refresh_line(self._at + 1)
        self._place(at)
        self.refresh_line(at + 1)
        self._scroll_to_row(min(max(self.scroll_offset.y, at - self._page + 1), at))

    def _scroll_to_row(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)

    def action_move(self, rows: int) -> None:
        """Move the cursor by lines."""
        self._go(self._at + rows)

    def action_page(self, direction: int, parts: int = 1) -> None:
        """Move the cursor and the view by a page or a part of it."""
        rows = direction * max(1, self._page // parts)
        self._scroll_to_row(self.scroll_offset.y + rows)
        self._go(self._at + rows)

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._go(0)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._go(len(self._rows) - 1)

    def action_activate(self) -> None:
        """Report the row under the cursor as chosen."""
        if self._row is not None:
            self.post_message(self.RowActivated(self, self._row))

    def on_click(self, event: Click) -> None:
        """Rows are selected, twice is activated; a title is reported."""
        where = event.get_content_offset(self)
        if where is None:
            return
        at = where.y - 1 + self.scroll_offset.y
        column = self._layout.at(where.x - 1 + self.scroll_offset.x) if where.x else None
        if where.y == 0:
            if column:
                self.post_message(self.HeaderClicked(self, column.id))
        elif at < len(self._rows):
            self._pinned = True
            self._column = column.id if column else self._column
            self._go(at)
            if event.chain == 2:
                self.action_activate()

    # The columns.

    @property
    def column_ids(self) -> list[str]:
        """From left to right."""
        return self._layout.ids

    @property
    def room(self) -> int:
        """Cells that columns have, the blank ones between them included."""
        return self.scrollable_content_region.width - 1

    def _arrange(self, columns: Sequence[Column[Row]]) -> None:
        """One cell is for the cursor's mark, which does not scroll."""
        self._layout = Layout(columns, self.room)
        self._extend()
        self.refresh()

    def _extend(self) -> None:
        """What there is to scroll over."""
        self.virtual_size = Size(self._layout.width, 1 + len(self._rows))

    def on_resize(self) -> None:
        """The columns take the new width, and the cursor stays on screen."""
        self._arrange(self._layout.columns)
        self._go(self._at)
        self.post_message(self.Resized(self))

    def action_cell(self, step: int) -> None:
        """Move to a cell of the row under the cursor, and scroll it into view."""
        self._column, left = self._layout.step(self.cursor_column, step, self.scroll_offset.x)
        self.refresh_line(self._at + 1)
        self.scroll_to(x=left, animate=False, force=True)

    # The lines.

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint again from the rows and the styles as they are now."""
        if repaint:
            self._ready.clear()
            self._styles.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _repaint(self) -> None:
        """Paint what differs from what was painted last: a terminal may be far away."""
        if not self.is_on_screen:
            self.refresh()
            return
        left = self.scroll_offset.x
        ready = {}
        for y in range(self.scrollable_content_region.height):
            line = self._line(y)
            old = self._drawn.get(y)
            cells = range(self._layout.room + 1) if old is None else changed(old, line, self._layout, left)
            if cells:
                ready[y] = line
                super().refresh(Region(cells.start, y, len(cells), 1))
        self._ready = ready

    def render_line(self, y: int) -> Strip:
        """The header, a row, or what there is instead of one."""
        line = self._ready.pop(y, None) or self._line(y)
        self._drawn[y] = line
        return strip(line, self._layout, self.scroll_offset.x, self._ellipsis)

    def _line(self, y: int) -> Line:
        at = y - 1 + self.scroll_offset.y
        if y == 0:
            return self._header_line()
        if at < len(self._rows):
            return self._row_line(at)
        if not self._rows:
            return self._empty_line(at)
        return Line("", self._style())

    def _header_line(self) -> Line:
        style = self._style("table--header")
        sorted_by, reverse = self._sort
        arrow = ("v" if reverse else "^") if self.ascii_only else ("▼" if reverse else "▲")
        layout, shown = self._layout, self._layout.in_view(self.scroll_offset.x)
        titles = (
            shortened(column.title, width - 1, self._ellipsis) + arrow if column.id == sorted_by else column.title
            for column, width in zip(layout.columns[shown], layout.widths[shown], strict=True)
        )
        return Line(" ", style, [(title, style) for title in titles])

    def _row_line(self, at: int) -> Line:
        row = self._rows[at]
        below = ("table--odd" if at % 2 else "", self._row_class(row) if self._row_class else "")
        current = at == self._at
        above = "table--cursor" if current else ""
        style = self._style(*below, above)
        mark = (">" if self.ascii_only else "▸") if current else " "
        cells = [
            (column.render(row), self._style(*below, column.style(row), above) if column.style else style)
            for column in self._shown
        ]
        if current and self.has_focus:
            cells = [
                (text, style + _CELL if column.id == self._column else style)
                for column, (text, style) in zip(self._shown, cells, strict=True)
            ]
        return Line(mark, style, cells)

    def _empty_line(self, line: int) -> Line:
        lines = Text(self.empty).wrap(self.app.console, max(1, self._layout.room))
        return Line(" " + lines[line].plain if line < len(lines) else "", self._style("table--dim"))

    @property
    def _shown(self) -> Sequence[Column[Row]]:
        """The columns in view."""
        return self._layout.columns[self._layout.in_view(self.scroll_offset.x)]

    @property
    def _ellipsis(self) -> str:
        return "~" if self.ascii_only else "…"

    def _style(self, *names: str) -> Style:
        """The component classes on top of each other, the last one on top; several may be one name, apart by blanks."""
        if (style := self._styles.get(names)) is None:
            style = self.get_visual_style(*" ".join(names).split()).rich_style
            self._styles[names] = style
        return style
