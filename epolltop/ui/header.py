"""The lines above the tables: source and probes, totals, loss and cost, and whether the screen is held."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.text import Text

from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import brief_lines, cost_line, is_lossy, loss_line, notes, source_lines, totals_line
from epolltop.text import printable, wrapped
from epolltop.ui.lines import Lines

SHORT = 20
"""Lines of the screen below which two lines must do."""
NARROWEST = 20
"""Cells of a line; a screen with fewer cuts it."""
NOTED = 2
"""Lines for what cannot be seen."""


class Header(Lines):
    """About the same snapshot as the tables."""

    def __init__(self, readable: Callable[[str], str], id: str | None = None) -> None:
        super().__init__(id=id)
        self._readable = readable

    def describe(self, shown: Snapshot | None, banner: str, pace: str, filter_text: str) -> None:
        """Draws it, the most urgent line first.

        Args:
            shown: what the tables show; None before the first snapshot.
            banner: what must be known first: that nothing more comes, or that the tables show another time.
            pace: how quickly time passes.
            filter_text: the filter in force.
        """
        lines: list[Text] = []

        def line(text: str, style: str = "") -> None:
            lines.append(Text(self._readable(text), style))

        if banner:
            line(f" {banner} ", "bold reverse")
        if shown is None:
            line("epolltop  attaching probes …")
        elif self.app.size.height < SHORT:
            for text in brief_lines(shown):
                line(text, "bold reverse" if is_lossy(shown) else "")
        else:
            name, width = "epolltop ", max(self.app.size.width - 2, NARROWEST)
            for number, text in enumerate(source_lines(shown, width - len(name))):
                line(f"{name if number == 0 else ' ' * len(name)}{text}")
            for text in _steadily_wrapped(totals_line(shown), width):
                line(text)
            line(loss_line(shown), "bold reverse" if is_lossy(shown) else "")
            lines[-1].append(f"  {cost_line(shown)}  {self._readable(pace)}", "not bold not reverse")
            for text in _noted(notes(shown), width):
                line(text, "italic")
        if filter_text:
            line(f"filter: {printable(filter_text)}   (Esc clears it)", "bold")
        self.put(lines)


def _steadily_wrapped(totals: str, width: int) -> list[str]:
    """One line, or two where it may get too long: what is below must not move up and down with the rates."""
    longest = re.sub(r"\(\S+/s\)", "(999.9k/s)", totals)
    return [totals] if cell_len(longest) <= width else wrapped(totals, width)


def _noted(said: Sequence[str], width: int) -> list[str]:
    """Two lines at most, and where to read the rest."""
    if not said:
        return []
    lines = wrapped(f"note: {'; '.join(said)}", width)
    if len(lines) <= NOTED:
        return lines
    more = " … ? shows all"
    return [*lines[: NOTED - 1], lines[NOTED - 1][: width - len(more)] + more]
