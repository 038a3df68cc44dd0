"""A view whose vertical scroll bar is painted where it looks different. Textual's is painted at each layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.segment import Segment
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar

from epolltop.ui.terminal.private_names import as_known

if TYPE_CHECKING:
    from typing_extensions import Self


class QuietScrollBar(ScrollBar):
    """Paints those of its lines that differ: a row more, or a step of one in a thousand, seldom shows."""

    DEFAULT_CSS = ""
    _painted: Sequence[list[Segment]] = ()

    def render(self) -> RenderableType:
        bar = super().render()
        self._painted = self._lines(bar)
        return bar

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint again what would look different."""
        if repaint and not regions and self.is_mounted and self.is_attached:
            lines = self._lines(super().render())
            if len(lines) == len(self._painted):
                regions = tuple(Region(0, y, 1, 1) for y, line in enumerate(lines) if line != self._painted[y])
                repaint = bool(regions)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _lines(self, bar: RenderableType) -> Sequence[list[Segment]]:
        console = self.app.console
        return [*Segment.split_lines(console.render(bar, console.options.update_dimensions(*self.size)))]


class QuietScrollView(ScrollView):
    """A view of lines with such a scroll bar."""

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """As any widget's, but quiet."""
        if as_known("scrollbar") and self._vertical_scrollbar is None:
            self._vertical_scrollbar = QuietScrollBar(vertical=True, name="vertical", thickness=1)
            self._vertical_scrollbar.display = False
            self.app._start_widget(self, self._vertical_scrollbar)
        return super().vertical_scrollbar
