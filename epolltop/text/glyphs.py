"""epolltop's own signs that are not ASCII, and what stands for them where only ASCII is understood."""

from __future__ import annotations

import math

SPARKS = "▁▂▃▄▅▆▇█"

_SIGNS = {
    **{"≥": ">=", "≈": "~", "µ": "u", "…": "~", "▲": "^", "▼": "v", "▸": ">"},
    **{"✓": "ok", "·": ".", "●": "!!"},
    **{"↑": "Up", "↓": "Down", "←": "Left", "→": "Right"},
    **dict(zip(SPARKS, "_.-=+*#@", strict=True)),
}
"""Our signs, and what stands for them in ASCII."""

_IN_ASCII = str.maketrans(_SIGNS)


def bar(share: float, cells: int) -> str:
    """A bar for a share of one, of that many cells if it is the whole; what is not nothing has one cell."""
    return SPARKS[-1] * min(cells, math.ceil(share * cells))


def in_ascii(text: str) -> str:
    """Text in ASCII: our own signs by their meaning, other characters escaped."""
    return text.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode()


def can_be_shown_in(encoding: str) -> bool:
    """Whether an encoding has all of our signs; if not, use `in_ascii`."""
    try:
        "".join(_SIGNS).encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
