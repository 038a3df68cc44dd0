"""Sends only changed cells to the terminal. Textual sends the line from the left edge of its widget on."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate


class Spans(ChopsUpdate):
    """Cuts what is painted on both sides."""

    def render_segments(self, console: Console) -> str:
        """The bytes, as text."""
        parts: list[str] = []
        for y, left, right in self.spans:
            for end, (start, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=True):
                first, last = max(start, left), min(end, right)
                if strip is not None and first < last:
                    cut = strip.crop(first - start, last - start)
                    parts += Control.move_to(first, y).segment.text, cut.render(console)
        return "".join(parts)


def narrowed(update: RenderableType | None) -> RenderableType | None:
    """The same update in fewer bytes."""
    return Spans(update.chops, update.spans, update.chop_ends) if isinstance(update, ChopsUpdate) else update
