"""Painted lines in ASCII, whatever drew them: Textual's borders, scroll bars and icons too.

What a program's name or a number is made of was spelt out before it was fitted (`glyphs.in_ascii`); here a line
has its width already, so each character becomes as many as it has cells.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    ord(sign): plain
    for plain, signs in {
        "~": "…",
        ">": "≥→▶▸",
        "<": "≤←◀◂",
        "^": "↑▲",
        "v": "↓▼",
        "u": "µ",
        "*": "•●",
        "-": "─━═╌╍",
        "|": "│┃║▌▐▏▎▍▋▊▉",
        "+": "╭╮╰╯┌┐└┘├┤┬┴┼",
        " ": "▔▀▁▂▃▄▅▆▇█",  # ends of scroll bars, whose rest is blanks on a colour
    }.items()
    for sign in signs
}


class AsciiOnly(LineFilter):
    """Draws nothing but ASCII."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(_spelt(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def _spelt(text: str) -> str:
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in text.translate(_SIGNS))


ASCII = AsciiOnly()
