"""What is wrong with a filter, and how to point at it where it was typed."""

from __future__ import annotations

from rich.cells import cell_len

from epolltop.text.cells import cut
from epolltop.text.safe import printable

MESSAGE_CELLS_MAX = 300
"""Cells of a message that says why a text is not a filter."""
_LEAD = 0.6
"""Share of the room for a long text that is before the mistake."""


class FilterError(ValueError):
    """The text is no filter; message says why, position where: characters from its start, from 0.

    What the message quotes of the text is made safe here, and cut: a word may be the whole of a filter.
    """

    def __init__(self, message: str, position: int) -> None:
        self.message = cut(printable(message), MESSAGE_CELLS_MAX)
        super().__init__(self.message)
        self.position = position


def pointed(text: str, position: int, width: int, *, ascii_only: bool = False) -> tuple[str, int]:
    """The part of a text that has this position, made safe, and the cell in it that the position is at.

    Args:
        text: as typed.
        position: characters from its start.
        width: cells that there are, one for the position past the end included.
        ascii_only: whether what is left out is marked by ~.
    """
    before, after = printable(text[:position]), printable(text[position:])
    shown, room = before, max(2, width - 1)
    if cell_len(before) + cell_len(after) > room:
        shown = _end_of(before, max(1, room - min(cell_len(after), round(room * (1 - _LEAD)))), ascii_only)
    return shown + cut(after, max(0, room - cell_len(shown)), ascii_only=ascii_only), cell_len(shown)


def explained(text: str, error: FilterError, width: int, *, ascii_only: bool = False) -> list[str]:
    """Lines of at most width cells: the text around the mistake, a caret under it, and what is wrong, whole."""
    shown, column = pointed(text, error.position, width, ascii_only=ascii_only)
    return [shown, *below(column, error.message, width)]


def below(column: int, message: str, width: int) -> list[str]:
    """A caret at a cell, and a message beside it or, where that does not fit, below it."""
    message = printable(message)
    if column + 2 + cell_len(message) <= width:
        return [f"{' ' * column}^ {message}"]
    if cell_len(message) + 1 <= column:
        return [f"{' ' * (column - 1 - cell_len(message))}{message} ^"]
    return [" " * column + "^", *_broken(message, width)]


def _broken(message: str, width: int) -> list[str]:
    """Between words where that is possible."""
    lines = [""]
    for word in message.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= width:
            lines[-1] = joined
            continue
        lines += [""] * bool(lines[-1])
        for char in word:
            if cell_len(lines[-1] + char) > width:
                lines.append("")
            lines[-1] += char
    return lines


def _end_of(text: str, width: int, ascii_only: bool) -> str:
    """At most width cells, the beginning replaced by an ellipsis."""
    if cell_len(text) <= width:
        return text
    kept, left = len(text), width - 1
    while kept and (left := left - cell_len(text[kept - 1])) >= 0:
        kept -= 1
    return ("~" if ascii_only else "…") + text[kept:]
