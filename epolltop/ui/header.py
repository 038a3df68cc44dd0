"""The lines above the tables: source and probes, totals, loss and cost, and whether the screen is held."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import brief_lines, cost_line, is_lossy, loss_line, notes, source_lines, totals_line
from epolltop.ui.lines import Lines

SHORT = 20
"""Lines of the screen below which two lines must do."""


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
            name = "epolltop "
            for number, text in enumerate(source_lines(shown, self.size.width - len(name) - 2)):
                line(f"{name if number == 0 else ' ' * len(name)}{text}")
            line(totals_line(shown))
            line(loss_line(shown), "bold reverse" if is_lossy(shown) else "")
            lines[-1].append(f"  {cost_line(shown)}  {self._readable(pace)}", "not bold not reverse")
            said = notes(shown)
            if said:
                line(f"note: {'; '.join(said)}", "italic")
        if filter_text:
            line(f"filter: {filter_text}   (Esc clears it)", "bold")
        self.put(lines)
