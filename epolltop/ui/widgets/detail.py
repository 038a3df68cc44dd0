"""The detail pane: an event or an instance, told as a story or field by field."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.geometry import Size

from epolltop.query.story import StoryLine
from epolltop.ui.dialogs.pager import Pager
from epolltop.ui.table.line import shortened
from epolltop.ui.widgets.text_lines import Lines


class Detail(Pager):
    """Labelled lines, wrapped beside their labels."""

    def __init__(self, readable: Callable[[str], str], id: str) -> None:
        self._story = _Story(readable("…"))
        super().__init__(self._story, id=id)
        self._readable = readable

    def show(self, lines: Sequence[StoryLine]) -> None:
        """Draws other lines, if they are others."""
        readable = self._readable
        self._story.tell([(label and readable(label), readable(said)) for label, said in lines])


class _Story(Lines):
    """As high as its lines are when they are wrapped. While their number stays, nothing is laid out anew."""

    _told: Sequence[StoryLine] = ()
    _width = 0
    """Of the last layout; 0: there was none."""

    def __init__(self, ellipsis: str) -> None:
        super().__init__()
        self._ellipsis = ellipsis

    def tell(self, told: Sequence[StoryLine]) -> None:
        if told == self._told:
            return
        self._told = told
        if self._width:  # else it was never laid out, and will be
            self.put([*self._wrapped(self._width)])

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """What Textual asks for when it lays out, before it paints."""
        if width != self._width:
            self._width = width
            self._lines = [*self._wrapped(width)]
        return len(self._lines)

    def _wrapped(self, width: int) -> Iterator[Text]:
        """Lines without a label are headings; those between two headings have a column of labels in common."""
        console = self.app.console
        for is_heading, block in itertools.groupby(self._told, lambda line: line[0] is None):
            if is_heading:
                for _, said in block:
                    yield from Text(said, "bold").wrap(console, max(1, width), overflow="fold")
                continue
            lines = [(label or "", Text(said)) for label, said in block]
            room = min(max(cell_len(label) for label, _ in lines), width // 2)
            for label, text in lines:
                known = set_cell_size(shortened(label, room, self._ellipsis), room)
                for at, piece in enumerate(text.wrap(console, max(1, width - room - 1), overflow="fold")):
                    yield Text.assemble(" " * room if at else (known, "dim"), " ", piece)
