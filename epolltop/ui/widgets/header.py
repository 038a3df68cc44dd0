"""The lines above the tables: source and probes, totals, loss and cost, and whether the screen is held."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text

from epolltop.model.finding import Severity
from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import brief_line, cost_line, notes, source_lines, totals_line
from epolltop.query.losses import is_lossy, loss_line
from epolltop.query.verdict import verdict
from epolltop.text.cells import cut, wrapped
from epolltop.text.safe import printable
from epolltop.ui.widgets.text_lines import Lines

SHORT = 20
"""Lines of the screen below which two lines must do."""
NARROWEST = 20
"""Cells of a line; a screen with fewer cuts it."""
NOTED = 2
"""Lines for what cannot be seen, at most."""
BELOW = 4
"""Lines that are worth more than the second one of it: where one is, the titles, a row, the keys."""
HIGH = 7
"""Lines that leave it only one; epolltop.tcss has room for that."""


_GLYPHS = {None: "✓", Severity.UNKNOWN: "·", Severity.INFO: "·", Severity.WARN: "▲", Severity.CRITICAL: "●"}
_STYLES = {Severity.WARN: "header--warn", Severity.CRITICAL: "header--critical"}


class Header(Lines):
    """About the same snapshot as the tables."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_STYLES.values())
    DEFAULT_CSS = """
    Header { & > .header--warn { color: $text-warning; text-style: bold; }
             & > .header--critical { color: $text-error; text-style: bold; } }
    """

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
        is_short = self.app.size.height < SHORT
        if banner:
            lines.append(self._line(f" {banner} ", "bold reverse"))
        if shown is None:
            lines.append(self._line("epolltop  attaching probes …"))
        elif is_short:
            lines += [self._verdict(shown), self._line(brief_line(shown), _alarm(shown))]
        else:
            lines += [self._verdict(shown), *self._account(shown, pace)]
        if filter_text:
            lines.append(self._line(f"filter: {printable(filter_text)}   (Esc clears it)", "bold"))
        if shown is not None and not is_short:
            told = _noted(notes(shown), self._width, min(NOTED, max(1, HIGH - len(lines))))
            lines += [self._line(text, "italic") for text in told]
        self.put(lines[: max(1, self.app.size.height - BELOW)])

    @property
    def _width(self) -> int:
        return max(self.app.size.width - 2, NARROWEST)

    def _line(self, text: str, style: str = "") -> Text:
        return Text(self._readable(text), style)

    def _verdict(self, shown: Snapshot) -> Text:
        """What is wrong, in one line, in the colour of the worst."""
        worst = shown.findings[0].severity if shown.findings else None
        glyph = "·" if shown.judged_s is None else _GLYPHS[worst]
        style = self.get_component_rich_style(_STYLES[worst]) if worst in _STYLES else ""
        text = self._readable(f"{glyph} {verdict(shown)}")
        return Text(cut(text, self._width, ascii_only=self._readable is not str), style)

    def _account(self, shown: Snapshot, pace: str) -> Iterator[Text]:
        """Where the numbers come from, what they add up to, what is missing, what they cost."""
        name = "epolltop "
        for number, text in enumerate(source_lines(shown, self._width - len(name))):
            yield self._line(f"{name if number == 0 else ' ' * len(name)}{text}")
        for text in _steadily_wrapped(totals_line(shown), self._width):
            yield self._line(text)
        loss, cost = self._line(loss_line(shown), _alarm(shown)), self._line(f"{cost_line(shown)}  {pace}")
        if loss.cell_len + 2 + cost.cell_len <= self._width:
            yield Text("  ").join((loss, cost))
        else:
            yield from (loss, Text("    ").append(cost))


def _alarm(shown: Snapshot) -> str:
    return "bold reverse" if is_lossy(shown) else ""


def _steadily_wrapped(totals: str, width: int) -> list[str]:
    """One line, or two where it may get too long: what is below must not move up and down with the rates."""
    longest = re.sub(r"\(\S+/s\)", "(999,999/s)", totals)
    return [totals] if cell_len(longest) <= width else wrapped(totals, width)


def _noted(said: Sequence[str], width: int, most: int) -> list[str]:
    """At most that many lines, and where to read the rest."""
    if not said:
        return []
    lines = wrapped(f"note: {'; '.join(said)}", width)
    if len(lines) <= most:
        return lines
    more = " … ? shows all"
    return [*lines[: most - 1], lines[most - 1][: width - len(more)] + more]
