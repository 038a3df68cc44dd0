"""The detail pane: an event or an instance, told as a story or field by field."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from epolltop.query.story import StoryLine
from epolltop.ui.dialogs.pager import Pager


class Detail(Pager):
    """Labelled lines, wrapped beside their labels."""

    def __init__(self, readable: Callable[[str], str], id: str) -> None:
        super().__init__(Static(), id=id)
        self._readable = readable
        self._shown: Sequence[StoryLine] | None = None

    def show(self, lines: Sequence[StoryLine]) -> None:
        """Draws other lines, if they are others."""
        if lines == self._shown:
            return
        self._shown = lines
        parts: list[Text | Table] = []
        for label, said in lines:
            text = Text(self._readable(said))
            if label is None:
                text.stylize("bold")
                parts.append(text)
                continue
            if not parts or not isinstance(parts[-1], Table):
                grid = Table.grid(padding=(0, 1))
                grid.add_column(no_wrap=True, style="dim")
                grid.add_column(overflow="fold")
                parts.append(grid)
            else:
                grid = parts[-1]
            grid.add_row(self._readable(label), text)
        self.query_one(Static).update(Group(*parts))
