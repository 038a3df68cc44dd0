"""Text cut and padded to cells of a terminal, of which a wide character takes two."""

from __future__ import annotations

import re
import textwrap

from rich.cells import cell_len, set_cell_size

from epolltop.text.safe import MARKS


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
    """Breaks a line between its parts, which two blanks separate; a note is one part, and breaks between words."""
    bound = re.sub("(?<=[^ ]) (?=[^ ])", "\xa0", line) if "  " in line.strip() else line
    parts = textwrap.wrap(bound, width, subsequent_indent="    ", break_on_hyphens=False)
    return [cut(part.replace("\xa0", " "), width) for part in parts]  # a wide character counts as one there


def fit(text: str, width: int, *, right: bool = False, ascii_only: bool = False) -> str:
    """Text padded or cut to exactly width terminal cells; wide characters take two."""
    fitting = cut(text, width, ascii_only=ascii_only)
    blanks = " " * (width - cell_len(fitting))
    return blanks + fitting if right else fitting + blanks
