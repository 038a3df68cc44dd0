"""A table that costs what is on screen: a cell is formatted when its line is drawn, and never before.

It knows nothing of what its rows mean. Texts are drawn as they are, never read as markup; who makes them makes them
safe.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

Row = TypeVar("Row")


@dataclass(frozen=True)  # no slots: with them Column[Row](...) raises in Python 3.11
class Column(Generic[Row]):
    """What to show of a row, and how wide."""

    id: str
    title: str
    width: int
    """In cells. 0 takes what the others leave; at most one column, the last."""
    right: bool
    render: Callable[[Row], str]
    style: Callable[[Row], str] | None = None
    """The component class of the cell, such as table--warn, or nothing."""


class VirtualTable(ScrollView, Generic[Row], can_focus=True):
    """Rows under a header line that stays, one of them under the cursor.

    The cursor belongs to a row, not to a line: it goes where the row of its key goes. Until someone moves it, it stays
    on the first line, whichever row is there.
    """

    ALLOW_SELECT = False
    # ScrollView binds left and right.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("ctrl+u", "page(-1, 2)", "Half a page up", show=False),
        Binding("ctrl+d", "page(1, 2)", "Half a page down", show=False),
        Binding("home,g", "first", "First row", show=False),
        Binding("end,G", "last", "Last row", show=False),
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
    class RowLost(TableMessage):
        """The followed row is gone."""

        key: Hashable

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
    def rows(self) -> Sequence[Row]:
        """All of them, in the order drawn."""
        return self._rows

    cursor_column: str | None = None
    follow = False
    moved_at = float("-inf")
    marked: frozenset[Hashable] = frozenset()

    def toggle_mark(self) -> None: ...

    def clear_marks(self) -> None: ...

    def forget(self) -> None:
        """What comes is another list: the cursor goes to its first row."""
        self._at, self._row, self._wanted, self._pinned = 0, None, None, False

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
        self.refresh()

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
        self._columns = columns
        self._arrange()

    def set_sort(self, column_id: str | None, reverse: bool) -> None:
        """Say in the header what the rows are sorted by; the order itself is the caller's."""
        self._sort = column_id, reverse
        self.refresh()

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
        if where.y == 0:
            column = bisect_right(self._starts, where.x - 1 + self.scroll_offset.x) - 1
            if 0 <= column < len(self._columns):
                self.post_message(self.HeaderClicked(self, self._columns[column].id))
        elif at < len(self._rows):
            self._pinned = True
            self._go(at)
            if event.chain == 2:
                self.action_activate()

    # The columns.

    @property
    def column_ids(self) -> list[str]:
        """From left to right."""
        return [column.id for column in self._columns]

    @property
    def room(self) -> int:
        """Cells that columns have, the blank ones between them included."""
        return self.scrollable_content_region.width - 1

    def _arrange(self) -> None:
        """Lay the columns out: one cell for the cursor's mark, which does not scroll, then columns one cell apart."""
        self._room = self.room
        rest = self._room - sum(column.width + 1 for column in self._columns) + 1
        self._widths = [column.width or max(rest, cell_len(column.title) + 1) for column in self._columns]
        self._starts = list(accumulate((width + 1 for width in self._widths), initial=0))
        self._extend()
        self.refresh()

    def _extend(self) -> None:
        """What there is to scroll over."""
        self.virtual_size = Size(self._starts[-1], 1 + len(self._rows))

    def on_resize(self) -> None:
        """The columns take the new width, and the cursor stays on screen."""
        self._arrange()
        self._go(self._at)
        self.post_message(self.Resized(self))

    def action_scroll_left(self) -> None:
        """Scroll to the column left of the view."""
        self._scroll_to_column(bisect_left(self._starts, self.scroll_offset.x) - 1)

    def action_scroll_right(self) -> None:
        """Scroll by the first column in view."""
        self._scroll_to_column(bisect_right(self._starts, self.scroll_offset.x))

    def _scroll_to_column(self, column: int) -> None:
        if not self.allow_horizontal_scroll:
            raise SkipAction
        self.scroll_to(x=self._starts[max(0, min(column, len(self._columns)))], animate=False)

    # The lines.

    def render_line(self, y: int) -> Strip:
        """The header, a row, or what there is instead of one."""
        at = y - 1 + self.scroll_offset.y
        if y == 0:
            return self._header_line()
        if at < len(self._rows):
            return self._row_line(at)
        if not self._rows:
            return self._empty_line(at)
        return Strip.blank(self._room + 1, self._style())

    def _header_line(self) -> Strip:
        style = self._style("table--header")
        sorted_by, reverse = self._sort
        arrow = ("v" if reverse else "^") if self.ascii_only else ("▼" if reverse else "▲")
        shown = self._columns_in_view
        titles = (
            self._cut(column.title, width - 1) + arrow if column.id == sorted_by else column.title
            for column, width in zip(self._columns[shown], self._widths[shown], strict=True)
        )
        return self._line(" ", style, ((title, style) for title in titles))

    def _row_line(self, at: int) -> Strip:
        row = self._rows[at]
        below = ("table--odd" if at % 2 else "", self._row_class(row) if self._row_class else "")
        above = "table--cursor" if at == self._at else ""
        style = self._style(*below, above)
        mark = (">" if self.ascii_only else "▸") if above else " "
        cells = (
            (column.render(row), self._style(*below, column.style(row), above) if column.style else style)
            for column in self._columns[self._columns_in_view]
        )
        return self._line(mark, style, cells)

    def _empty_line(self, line: int) -> Strip:
        style = self._style("table--dim")
        lines = Text(self.empty).wrap(self.app.console, max(1, self._room))
        text = lines[line].plain if line < len(lines) else ""
        return Strip([Segment(" " + text, style)]).adjust_cell_length(self._room + 1, style)

    @property
    def _columns_in_view(self) -> slice:
        left = self.scroll_offset.x
        return slice(bisect_right(self._starts, left) - 1, bisect_left(self._starts, left + self._room))

    def _line(self, mark: str, style: Style, cells: Iterable[tuple[str, Style]]) -> Strip:
        """One line of the columns in view, each cell as wide as its column."""
        shown = self._columns_in_view
        segments: list[Segment] = []
        for column, width, (text, cell_style) in zip(self._columns[shown], self._widths[shown], cells, strict=True):
            cut = self._cut(text, width)
            padding = " " * (width - cell_len(cut))
            segments += Segment(padding + cut if column.right else cut + padding, cell_style), Segment(" ", style)
        left = self.scroll_offset.x - self._starts[shown.start]
        body = Strip(segments).crop_extend(left, left + self._room, style)
        return Strip([Segment(mark, style), *body], self._room + 1).simplify()

    def _cut(self, text: str, width: int) -> str:
        """At most width cells, the end replaced by an ellipsis."""
        if cell_len(text) <= width:
            return text
        return set_cell_size(text, width - 1) + ("~" if self.ascii_only else "…") if width > 0 else ""

    def _style(self, *names: str) -> Style:
        """The component classes on top of each other, the last one on top; no name is no class."""
        return self.get_visual_style(*filter(None, names)).rich_style
