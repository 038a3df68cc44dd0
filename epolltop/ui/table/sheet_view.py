"""The view on a sheet of rows: paints the lines that are on screen, and scrolls."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar, Generic

from rich.style import Style
from rich.text import Text
from textual.events import MouseScrollDown, MouseScrollUp
from textual.geometry import Region, Size
from textual.reactive import Reactive, reactive
from textual.strip import Strip

from epolltop.ui.table.drawing import COMPONENT_CLASSES, CSS, Sheet
from epolltop.ui.table.layout import Column, Layout, Row
from epolltop.ui.table.line import strip
from epolltop.ui.table.painted import Painted
from epolltop.ui.table.selection import Rows
from epolltop.ui.terminal.scrollbar import QuietScrollView

if TYPE_CHECKING:
    from typing_extensions import Self

_WHEEL = 3
"""Rows that a step of the wheel scrolls by."""


class SheetView(QuietScrollView, Generic[Row]):
    """Rows under a header line that stays."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = set(COMPONENT_CLASSES)
    DEFAULT_CSS = CSS
    # As in Widget, but more to scroll over does not mean other lines.
    virtual_size = Reactive(Size(0, 0), layout=True, repaint=False)
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
        super().__init__(id=id, classes=classes)
        self.set_reactive(SheetView.empty, empty)
        self._rows = Rows(key)
        self._sheet = Sheet(self._rows, self, row_class, ascii_only=ascii_only)
        self._painted = Painted()
        self._style_cache: dict[tuple[str, ...], Style] = {}
        self.set_columns(columns)

    # The columns.

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Other columns for the same rows."""
        self._sheet.layout = Layout(columns, self.room)
        self._extend()
        self.refresh()

    def set_sort(self, column_id: str | None, reverse: bool) -> None:
        """Say in the header what the rows are sorted by; the order itself is the caller's."""
        if self._sheet.sort != (column_id, reverse):
            self._sheet.sort = column_id, reverse
            self.refresh(Region(0, 0, self._sheet.layout.room + 1, 1))

    @property
    def column_ids(self) -> list[str]:
        """From left to right."""
        return self._sheet.layout.ids

    @property
    def room(self) -> int:
        """Cells that columns have, the blank ones between them included."""
        return self.scrollable_content_region.width - 1

    def _extend(self) -> None:
        """What there is to scroll over."""
        self.virtual_size = Size(self._sheet.layout.width, 1 + len(self._rows.shown))

    # How it is painted.

    def style_of(self, *names: str) -> Style:
        if (style := self._style_cache.get(names)) is None:
            style = self._style_cache[names] = self.get_visual_style(*" ".join(names).split()).rich_style
        return style

    def empty_lines(self, width: int) -> Sequence[str]:
        return [line.plain for line in Text(self.empty).wrap(self.app.console, width)]

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint again, whatever was painted: all of it, or these regions."""
        if repaint:
            self._painted.forget()
            self._style_cache.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def repaint(self) -> None:
        """Paint what differs."""
        scrolled, height = self.scroll_offset, self.scrollable_content_region.height  # asked once: it is slow
        layout = self._sheet.layout
        for region in self._painted.differing(lambda y: self._sheet.line(y, scrolled), height, layout, scrolled.x):
            super().refresh(region)

    def render_line(self, y: int) -> Strip:
        """What Textual asks for."""
        scrolled = self.scroll_offset
        line = self._painted.take(y, lambda y: self._sheet.line(y, scrolled))
        return strip(line, self._sheet.layout, scrolled.x, self._sheet.ellipsis)

    # The rows.

    @property
    def rows(self) -> Sequence[Row]:
        """All of them, in the order drawn."""
        return self._rows.shown

    @property
    def rows_in_view(self) -> Sequence[Row]:
        """Those that are on the screen now."""
        top = self.scroll_offset.y
        return self._rows.shown[top : top + self._page]

    @property
    def _page(self) -> int:
        """How many rows fit under the header."""
        return max(1, self.scrollable_content_region.height - 1)

    def _scroll_to_row(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """The view moves, the cursor stays on its row."""
        self._wheel(event, _WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """The view moves, the cursor stays on its row."""
        self._wheel(event, -_WHEEL)

    def _wheel(self, event: MouseScrollDown | MouseScrollUp, rows: int) -> None:
        if not event.ctrl and not event.shift:  # those scroll columns
            event.prevent_default()
            event.stop()
            self._scroll_to_row(self.scroll_offset.y + rows)
