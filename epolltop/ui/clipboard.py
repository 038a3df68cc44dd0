"""Rows as text for a chat or an issue, small enough for the terminal's clipboard (OSC 52).

A block between fences: it keeps its columns there, and nothing in a stranger's name becomes markup, a mention or a
picture to fetch. A Markdown table shows as bars and backslashes in most chats, and a spreadsheet takes names between
tabs for formulas; who wants either exports a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from epolltop.model.snapshot import Snapshot
from epolltop.query.aligned import plain
from epolltop.query.field import Field, apart, as_text
from epolltop.query.member import Row
from epolltop.text.cells import cut
from epolltop.text.glyphs import in_ascii
from epolltop.text.numbers import grouped, plural

MAX_BYTES = 74_994
"""Of text: with base64 and what is around it 100,000 bytes, beyond which some terminals take nothing."""
_LINE = 1000
"""Cells of a line: a command goes on for longer than anybody reads."""
_MOST_ROWS = 1000
"""Rows laid out at once: no more fit, and a key must not take a second."""
_NOTE_BYTES = 40
_BRIEF = 32
"""Cells of a column that takes the rest of the line on screen."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A text for App.copy_to_clipboard."""

    text: str
    """Printable lines without an end of line at the end, which would send the message or run the command pasted."""
    rows: int
    """In it."""
    left_out: int
    """Rows that do not fit."""

    @property
    def message(self) -> str:
        """A message that the text was sent; no terminal reports whether it took the text."""
        rest = f", {grouped(self.left_out)} left out: it takes {grouped(MAX_BYTES)} bytes" if self.left_out else ""
        return f"{plural(self.rows, 'row')} sent to the terminal{rest}"


def clip_rows(
    rows: Sequence[Row], fields: Sequence[Field[Row]], snapshot: Snapshot, *, ascii_only: bool = False
) -> Clip:
    """A table as on screen, wide enough for all columns that are shown; rows with findings keep their commands, too.

    Args:
        rows: those that are shown, or marked, in their order.
        fields: of their subject.
        snapshot: the one on screen.
        ascii_only: no other characters.
    """
    chosen = rows[:_MOST_ROWS]
    for field in fields:
        if field.otherwise and any(field.value(row, snapshot) is not None for row in chosen):
            fields = _with_both(fields, field, field.otherwise)
    lines = list(plain(chosen, fields, snapshot, _LINE, ascii_only=ascii_only))
    sent = _fitting(lines) - 1
    return Clip(_block(lines[: sent + 1], len(rows) - sent, "row"), sent, len(rows) - sent)


def clip_row(row: Row, fields: Sequence[Field[Row]], snapshot: Snapshot, *, ascii_only: bool = False) -> Clip:
    """All fields of one row, one line each, even those without a column; text and times in full."""

    def line(field: Field[Row]) -> str:
        value = field.value(row, snapshot) if field.unit == "text" else None
        said = field.show(row, snapshot).strip() if value is None else as_text(value)
        said = cut(in_ascii(said) if ascii_only else said, 4 * _LINE, ascii_only=ascii_only)
        return f"{field.title:{widest}}  {said}"

    fields = apart(fields)
    widest = max(len(field.title) for field in fields)
    lines = [line(field).rstrip() for field in fields]
    sent = _fitting(lines)
    return Clip(_block(lines[:sent], len(lines) - sent, "field"), 1, 0)


def _with_both(fields: Sequence[Field[Row]], field: Field[Row], other: Field[Row]) -> list[Field[Row]]:
    """With a column for each; the one that stood in takes the rest of the line."""
    others = [each for each in fields if each.id not in (field.id, other.id)]
    return [*others, *apart([replace(field, width=_BRIEF)]), replace(other, shown=True, width=0)]


def _fitting(lines: Sequence[str]) -> int:
    """How many fit, between fences and with a note."""
    left = MAX_BYTES - _NOTE_BYTES - 2 * (len(_fence(lines)) + 1)
    for number, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            return number
    return len(lines)


def _block(lines: Sequence[str], left_out: int, noun: str) -> str:
    fence = _fence(lines)
    note = [f"and {plural(left_out, noun)} more"] if left_out else []
    return "\n".join([fence, *lines, *note, fence])


def _fence(lines: Sequence[str]) -> str:
    """A fence longer than any run of backquotes in the text."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(3, longest + 1)
