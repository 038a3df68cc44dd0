"""Lines of text that are painted where they differ. Textual's Static paints all at each update, and lays out anew."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.geometry import Region
from textual.widget import Widget


class Lines(Widget):
    """As many lines as there are texts: they are not wrapped."""

    DEFAULT_CSS = "Lines { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }"
    _lines: Sequence[Text] = ()

    def render(self) -> Text:
        """What Textual asks for."""
        return Text("\n").join(self._lines)

    def put(self, lines: Sequence[Text]) -> None:
        """Shows other lines, if they are others."""
        old, self._lines = self._lines, lines
        if len(lines) != len(old):
            self.refresh(layout=True)
            return
        changed = [y for y, (was, now) in enumerate(zip(old, lines, strict=True)) if _look(was) != _look(now)]
        if changed:
            self.refresh(*(Region(0, y, self.content_size.width, 1) for y in changed))


def _look(text: Text) -> tuple[object, ...]:
    """What two lines that look the same have in common; Text itself compares no base style."""
    return text.plain, text.style, text.spans
