"""Strangers' bytes made safe.

Every name, command line and path that another program chose passes `safe` once, where it enters (the sources), so no
front end can forget it.
"""

from __future__ import annotations

import functools
import unicodedata

from rich.cells import cell_len

NARRATED_MAX = 1000
"""Characters of a message, before any is escaped: a screenful, since paths have up to 4,096."""

MARKS = 2
"""Accents on one character, as in Vietnamese and Thai; more would be drawn over the lines above."""

_CACHED = 256
"""Bytes of a text that is remembered: thousands of them are."""

_BLANK = frozenset("\u2800\U0001d159\U00013441\U00013442")
"""Look like nothing, though they are symbols and letters: a Braille pattern without dots, a note without a head, blanks
of hieroglyphs."""

_IGNORABLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
"""Characters that terminals may leave out: Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, as far
as Python takes them for printable. Fillers, joiners and variation selectors; they change their neighbours' width."""

_CONTESTED = frozenset(map(chr, (*range(0x3248, 0x3250), *range(0x1F1E6, 0x1F200))))
"""Circled numbers, ambiguous by East_Asian_Width, which terminals draw wide; letters of which two become one flag."""

_TURNING = frozenset(("R", "AL", "AN"))
"""Bidirectional classes of letters and digits that are read from the right. Terminals that support them also reverse
the numbers beside them, so a row's columns would change places."""


def safe(raw: bytes) -> str:
    r"""Bytes as one line of printable text; whatever is not UTF-8 or not printable is escaped.

    Control characters become ``\xNN``, other treacherous ones ``\uNNNN``. The caller handles a NUL between arguments.
    """
    return _safe_short(raw) if len(raw) <= _CACHED else _safe(raw)


def printable(text: str) -> str:
    """Escapes text that is decoded already, as in a file; safe text stays as it is."""
    if text.isascii() and text.isprintable():
        return text
    return _printable_short(text) if len(text) <= _CACHED else _printable(text)


def narrated(text: str) -> str:
    """A message that harms no terminal and does not fill it, whatever names are in it; a long one keeps its end."""
    if len(text) > NARRATED_MAX:
        text = f"{text[: NARRATED_MAX // 2]}…{text[-NARRATED_MAX // 2 :]}"
    return printable(text)


def clipped(text: str, most: int) -> str:
    """Text of at most that many characters; an ellipsis replaces the end."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _safe(raw: bytes) -> str:
    return printable(raw.decode("utf-8", "backslashreplace"))


def _printable(text: str) -> str:
    shown: list[str] = []
    room = 0  # for marks on the character before
    for char in text:
        if _is_mark(char):
            shown.append(char if room else _escaped(char))
            room -= room > 0
        else:
            passes = _passes(char)
            shown.append(char if passes else _escaped(char))
            room = MARKS if passes and char != " " else 0
    return "".join(shown)


_safe_short = functools.lru_cache(maxsize=4096)(_safe)

_printable_short = functools.lru_cache(maxsize=4096)(_printable)


@functools.lru_cache(maxsize=4096)
def _is_mark(char: str) -> bool:
    """Whether a character is drawn onto the one before it, and takes no cell."""
    return char not in _IGNORABLE and unicodedata.category(char) == "Mn" and cell_len(char) == 0


@functools.lru_cache(maxsize=4096)
def _passes(char: str) -> bool:
    """Whether a character that is no mark is shown as it is.

    Characters are escaped if they can hide, reorder or move other text: format characters, surrogates, private use,
    separators, false blanks, and those read from the right. So are those whose width is disputed between Rich, which
    lays out the columns, and terminals: vowel signs of Indian scripts, parts of Korean syllables and of emoji.
    """
    if not char.isprintable() or char in _IGNORABLE or char in _BLANK or char in _CONTESTED:
        return False
    return unicodedata.bidirectional(char) not in _TURNING and cell_len(char) == _cells(char)


def _cells(char: str) -> int:
    """The width of a character by Unicode's East_Asian_Width, regardless of its context."""
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
