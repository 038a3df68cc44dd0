"""Text cut and padded to cells of a terminal, of which a wide character takes two."""

from __future__ import annotations

import re
import textwrap

from rich.cells import cell_len, set_cell_size

from epolltop.text.safe import MARKS

_PARTS, _INDENT = re.compile("(  +)"), "    "


def beginning(text: str, width: int) -> str:
    """Enough of a safe text to fill more than width cells, so that the rest need not be measured."""
    return text[: (1 + MARKS) * (max(0, width) + 1)]


def cut(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Text of at most width terminal cells; an ellipsis replaces the end."""
    text = beginning(text, width)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + ("~" if ascii_only else "…") if width > 0 else ""


def wrapped(line: str, width: int) -> list[str]:
    """Breaks a line between its parts, which two blanks separate; a part that is too long for a line, between words."""
    room = width - len(_INDENT)
    bound = (part if part.isspace() or len(part) > room else part.replace(" ", "\xa0") for part in _PARTS.split(line))
    lines = textwrap.wrap("".join(bound), width, subsequent_indent=_INDENT, break_on_hyphens=False)
    return [cut(each.replace("\xa0", " "), width) for each in lines]  # a wide character counts as one there


def fit(text: str, width: int, *, right: bool = False, ascii_only: bool = False) -> str:
    """Text padded or cut to exactly width terminal cells; wide characters take two."""
    fitting = cut(text, width, ascii_only=ascii_only)
    blanks = " " * (width - cell_len(fitting))
    return blanks + fitting if right else fitting + blanks
