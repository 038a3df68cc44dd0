"""A view of lines that paints what differs from what it painted last: the terminal may be far away."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from rich.style import Style
from textual.geometry import Offset, Region, Size
from textual.reactive import Reactive
from textual.strip import Strip

from epolltop.ui.table.layout import Layout
from epolltop.ui.table.line import Line, changed, strip
from epolltop.ui.terminal.scrollbar import QuietScrollView

if TYPE_CHECKING:
    from typing_extensions import Self


class LineView(QuietScrollView):
    """Asks for a line when it is painted, and never before."""

    ALLOW_SELECT = False
    # As in Widget, but more to scroll over does not mean other lines.
    virtual_size = Reactive(Size(0, 0), layout=True, repaint=False)

    def __init__(self, *, ascii_only: bool, id: str | None, classes: str | None) -> None:
        super().__init__(id=id, classes=classes)
        self.ascii_only = ascii_only
        self._layout: Layout[Any] = Layout((), 0)
        self._drawn: dict[int, Line] = {}  # by line of the screen
        self._ready: dict[int, Line] = {}  # those of them that are painted next
        self._styles: dict[tuple[str, ...], Style] = {}

    @abstractmethod
    def line(self, y: int, scrolled: Offset) -> Line:
        """What the line of the screen is now, with what is above and left of an offset scrolled away."""

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint again, whatever was painted: all of it, or these regions."""
        if repaint:
            self._ready.clear()
            self._styles.clear()
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def repaint(self) -> None:
        """Paint what differs."""
        ready, scrolled = {}, self.scroll_offset  # asked once: it is slow
        for y in range(self.scrollable_content_region.height):
            line, old = self.line(y, scrolled), self._drawn.get(y)
            cells = changed(old, line, self._layout, scrolled.x) if old else range(self._layout.room + 1)
            if cells:
                ready[y] = line
                super().refresh(Region(cells.start, y, len(cells), 1))
        self._ready = ready

    def render_line(self, y: int) -> Strip:
        """What Textual asks for."""
        scrolled = self.scroll_offset
        line = self._drawn[y] = self._ready.pop(y) if y in self._ready else self.line(y, scrolled)
        return strip(line, self._layout, scrolled.x, self.ellipsis)

    @property
    def ellipsis(self) -> str:
        """What the end of a text that is too long is replaced by."""
        return "~" if self.ascii_only else "…"

    def style_of(self, *names: str) -> Style:
        """Component classes on top of each other, the last one on top; a name is some of them, apart by blanks."""
        if (style := self._styles.get(names)) is None:
            style = self._styles[names] = self.get_visual_style(*" ".join(names).split()).rich_style
        return style
