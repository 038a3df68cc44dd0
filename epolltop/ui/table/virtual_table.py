"""The widget of a table of many rows: its cursor, its keys and its messages.

Its cost depends only on the rows on screen. It does not know the meaning of its rows.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message

from epolltop.ui.table.layout import Row
from epolltop.ui.table.sheet_view import SheetView


class VirtualTable(SheetView[Row], can_focus=True):
    """Rows under a header line that stays, one of them under the cursor.

    The cursor belongs to a row, not to a line: it goes where the row of its key goes. Until someone moves it, and again
    after Home, it stays on the first line, whichever row is there.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, priority=True),
        Binding("down,j", "move(1)", "Down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
        Binding("ctrl+u", "page(-1, 2)", "Half a page up", show=False, priority=True),
        Binding("ctrl+d", "page(1, 2)", "Half a page down", show=False, priority=True),
        Binding("home,g", "first", "First row", show=False, priority=True),
        Binding("end,G", "last", "Last row", show=False, priority=True),
        Binding("left", "cell(-1)", "Cell to the left", show=False, priority=True),
        Binding("right", "cell(1)", "Cell to the right", show=False, priority=True),
    ]

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
        """A double click on a row."""

        row: Any

    @dataclass
    class RowLost(TableMessage):
        """The row that was followed is gone, and none is followed now."""

        key: Hashable

    @dataclass
    class Resized(TableMessage):
        """The table has another width: other columns may fit."""

    @dataclass
    class HeaderClicked(TableMessage):
        """A click on the title of a column."""

        column_id: str

    moved_at = float("-inf")
    """When the cursor was last moved by key or mouse; time.monotonic."""
    _highlighted: Row | None = None  # as reported last

    # The rows.

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._rows.current

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the row under the cursor, None without rows."""
        return None if self._rows.current is None else self._rows.key

    @property
    def sticks_to_row(self) -> bool:
        """Whether the cursor goes where its row goes, because someone moved it; else it sticks to the top."""
        return self._rows.pinned

    @property
    def follow(self) -> bool:
        """Whether the cursor stays on its row wherever that goes, the first one too, until the row is gone."""
        return self._rows.follow

    @follow.setter
    def follow(self, follow: bool) -> None:
        self._rows.follow = follow

    @property
    def marked(self) -> frozenset[Hashable]:
        """The keys of the marked rows."""
        return frozenset(self._rows.marks)

    def marked_rows(self) -> list[Row]:
        """In the order they are shown in."""
        return self._rows.marked()

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or no longer."""
        self._rows.toggle_mark()
        self.repaint()

    def unmark_all(self) -> None:
        """Mark no row."""
        self._rows.marks.clear()
        self.repaint()

    def forget(self) -> None:
        """What comes is another list: the cursor goes to its first row, and no row is marked."""
        self._rows.forget()
        self.scroll_to(x=0, y=0, animate=False, force=True, immediate=True)

    def show(self, rows: Sequence[Row]) -> None:
        """Other rows, in the order to draw them in; they belong to the table from here on.

        The cursor keeps its line on the screen if it was on the screen, else the view stays where it is.
        """
        line = self._rows.at - self.scroll_offset.y
        in_view = self._rows.current is None or 0 <= line < self._page
        key = self._rows.key
        if not self._rows.show(rows):
            self.post_message(self.RowLost(self, key))
        self._extend()
        self._report()
        # Scrolling to where it already is makes Textual forget a target that is beyond the new end.
        top = self._rows.at - min(max(line, 0), self._page - 1)
        self._scroll_to_row(top if in_view else self.scroll_offset.y)
        self.repaint()

    def show_top(self) -> None:
        """The first rows are in view: the cursor stays on its row if that is one of them, else it goes to the first.

        A row that is followed stays in view instead.
        """
        if self._rows.follow:
            return
        if self._rows.at >= self._page:
            self._rows.go_to_top()
            self._report()
        self._scroll_to_row(0)
        self.repaint()

    def select(self, key: Hashable) -> bool:
        """Put the cursor on the row of this key, and that row on screen; False if there is none."""
        at = self._rows.find(key)
        if at is None:
            return False
        self._rows.pinned = True
        self._go(at)
        return True

    # The cursor.

    @property
    def cursor_column(self) -> str | None:
        """The id of the current cell's column, None until someone chose one or while it is not shown."""
        return self._sheet.column if self._sheet.column in self._sheet.layout.ids else None

    def _report(self) -> None:
        if self._rows.current is not self._highlighted:
            self._highlighted = self._rows.current
            self.post_message(self.RowHighlighted(self, self._highlighted))

    def _go(self, at: int) -> None:
        """Move the cursor to the nearest line there is, and that line on screen."""
        self.refresh_line(self._rows.at + 1)
        self._rows.go(at)
        at = self._rows.at
        self.refresh_line(at + 1)
        self._report()
        if self._rows.shown:
            self._scroll_to_row(min(max(self.scroll_offset.y, at - self._page + 1), at))

    def _move(self, at: int) -> None:
        """Moves the cursor for a person at the keyboard or the mouse."""
        self.moved_at = time.monotonic()
        self._go(at)

    def action_move(self, rows: int) -> None:
        """Move the cursor by lines."""
        self._move(self._rows.at + rows)

    def action_page(self, direction: int, parts: int = 1) -> None:
        """Move the cursor and the view by a page or a part of it."""
        rows = direction * max(1, self._page // parts)
        self._scroll_to_row(self.scroll_offset.y + rows)
        self._move(self._rows.at + rows)

    def action_first(self) -> None:
        """Move the cursor to the first row, and to whichever is the first one later."""
        self._move(0)
        self._rows.go_to_top()

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._move(len(self._rows.shown) - 1)

    def action_cell(self, step: int) -> None:
        """Move to a cell of the row under the cursor, and scroll it into view."""
        self._sheet.column, left = self._sheet.layout.step(self.cursor_column, step, self.scroll_offset.x)
        self._move(self._rows.at)
        self.scroll_to(x=left, animate=False, force=True)

    def on_resize(self) -> None:
        """The columns take the new width, and the cursor stays on screen."""
        before = self._sheet.layout.room
        self.set_columns(self._sheet.layout.columns)
        self._go(self._rows.at)
        if self.room != before:
            self.post_message(self.Resized(self))

    def on_click(self, event: Click) -> None:
        """Rows and cells are selected, twice is activated; a title is reported."""
        where = event.get_content_offset(self)
        if where is None:
            return
        at = where.y - 1 + self.scroll_offset.y
        column = self._sheet.layout.at(where.x - 1 + self.scroll_offset.x) if where.x else None
        if where.y == 0:
            if column:
                self.post_message(self.HeaderClicked(self, column.id))
        elif at < len(self._rows.shown):
            self._rows.pinned = True
            self._sheet.column = column.id if column else self._sheet.column
            self._move(at)
            if event.chain == 2:
                self.post_message(self.RowActivated(self, self._rows.shown[at]))
