"""Text for people: strangers' bytes made safe, numbers made readable.

Every name, command line and path that another program chose passes `safe` once, where it enters (the sources), so no
front end can forget it. Nothing else imports humanize.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
import textwrap
import unicodedata

import humanize
from rich.cells import cell_len, set_cell_size

NARRATED_MAX = 1000
"""Characters of a line of narration before any is escaped: a screenful, since paths have up to 4,096."""

UNKNOWN = "?"
"""Shown where a value is not known: unknown is not zero."""

_SPARKS = "▁▂▃▄▅▆▇█"
_SIGNS = {
    **{"≥": ">=", "µ": "u", "…": "~", "↑": "Up", "↓": "Down", "←": "Left", "→": "Right", "▲": "^", "▼": "v", "▸": ">"},
    **dict(zip(_SPARKS, "_.-=+*#@", strict=True)),
}
"""Our own that are not ASCII, and what stands for them there."""
_IN_ASCII = str.maketrans(_SIGNS)


MARKS = 2
"""Accents that one character may bear, as in Vietnamese and Thai; more would be drawn over the lines above."""

_CACHED = 256
"""Longer texts are not kept: thousands of them would be."""

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
"""What terminals may leave out: Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, as far as Python
takes it for printable. Fillers, joiners and selectors of variants; they change how wide their neighbours are."""

_CONTESTED = frozenset(map(chr, (*range(0x3248, 0x3250), *range(0x1F1E6, 0x1F200))))
"""Circled numbers, ambiguous by East_Asian_Width, which terminals draw wide; letters of which two become one flag."""

_TURNING = frozenset(("R", "AL", "AN"))
"""Bidirectional classes of letters and digits that are read from the right: terminals that know how turn the numbers
beside them round, too, so that a row's columns change places."""


def safe(raw: bytes) -> str:
    r"""Bytes as one line of printable text: what is not UTF-8 by backslashreplace, what is not printable escaped.

    Control characters become ``\xNN``, other treacherous ones ``\uNNNN``; a NUL between arguments is the caller's.
    """
    return _safe_short(raw) if len(raw) <= _CACHED else _safe(raw)


def printable(text: str) -> str:
    """The same for text that somebody else decoded, as it stands in a file; what is safe stays as it is."""
    if text.isascii() and text.isprintable():
        return text
    return _printable_short(text) if len(text) <= _CACHED else _printable(text)


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
    """Whether it is drawn onto the character before it, and takes no cell."""
    return char not in _IGNORABLE and unicodedata.category(char) == "Mn" and cell_len(char) == 0


@functools.lru_cache(maxsize=4096)
def _passes(char: str) -> bool:
    """Whether a character that is no mark is shown as it is.

    Escaped is what can hide, reorder or move other text: format characters, surrogates, private use, separators, blanks
    that are none, what is read from the right, and whatever is not as wide as Unicode says. About that Rich, which lays
    out the columns, and terminals do not agree: vowel signs of Indian scripts, parts of Korean syllables and of emoji.
    """
    if not char.isprintable() or char in _IGNORABLE or char in _BLANK or char in _CONTESTED:
        return False
    return unicodedata.bidirectional(char) not in _TURNING and cell_len(char) == _cells(char)


def _cells(char: str) -> int:
    """Its width by Unicode's East_Asian_Width, that is without a context."""
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def duration(seconds: float | None) -> str:
    """At most two units, up to seven columns: 0s, 250µs, 12ms, 4.2s, 3m05s, 2h07m, 12d03h."""
    if seconds is None:
        return UNKNOWN
    if seconds == 0:
        return "0s"
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.0f}µs"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for big, small, names in ((86400, 3600, "dh"), (3600, 60, "hm"), (60, 1, "ms")):
        if whole >= big:
            return f"{whole // big}{names[0]}{whole % big // small:02d}{names[1]}"
    return f"{whole}s"


def exact_duration(seconds: float) -> str:
    """In words, for a detail pane."""
    unit = "milliseconds" if seconds >= 0.01 else "microseconds"
    return humanize.precisedelta(datetime.timedelta(seconds=seconds), minimum_unit=unit, format="%0.0f")


def count(number: int | None) -> str:
    """Exact up to 99,999, then metric."""
    if number is None:
        return UNKNOWN
    return str(number) if abs(number) < 100_000 else humanize.metric(number, precision=4).replace(" ", "")


def rate(per_s: float | None) -> str:
    """Per second or any other time, three digits; 0 is 0, what rounds to it is <0.1, or >-0.1."""
    if per_s is None:
        return UNKNOWN
    if per_s < 0:
        return ">-0.1" if per_s > -0.05 else f"-{rate(-per_s)}"
    if per_s == 0:
        return "0"
    if per_s < 0.05:
        return "<0.1"
    return f"{per_s:.1f}" if per_s < 99.95 else count(round(per_s))


def grouped_rate(per_s: float | None) -> str:
    """The same beside numbers with thousands separators, as they have it."""
    return rate(per_s) if per_s is None or abs(per_s) < 99.95 else grouped(round(per_s))


def at_least(readable: str) -> str:
    """A number that is a lower bound; of what rounds to nothing only that it is more."""
    return ">0" if readable.startswith("<") else f"≥{readable}"


def grouped(number: int) -> str:
    """With thousands separators."""
    return humanize.intcomma(number)


def size(octets: int) -> str:
    """Bytes, binary units."""
    return humanize.naturalsize(octets, binary=True, format="%.0f")


def plural(number: int, noun: str) -> str:
    """1 process, 2 processes."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{grouped(number)} {noun}{ending}"


def sparkline(values: tuple[float, ...], width: int) -> str:
    """The last values as bars scaled to their largest; a blank is a zero."""
    last = values[-width:]
    top = max(last, default=0.0)
    return "".join(
        " " if value <= 0 else _SPARKS[min(len(_SPARKS) - 1, math.ceil(value / top * len(_SPARKS)) - 1)]
        for value in last
    ).rjust(width)


def in_ascii(text: str) -> str:
    """For terminals and files that know nothing else: our own signs by their meaning, others' characters escaped."""
    return text.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode()


def narrated(text: str) -> str:
    """A line for whoever runs us: names and values in it harm no terminal and do not fill it, and its end is there."""
    if len(text) > NARRATED_MAX:
        text = f"{text[: NARRATED_MAX // 2]}…{text[-NARRATED_MAX // 2 :]}"
    return printable(text)


def can_be_shown_in(encoding: str) -> bool:
    """Whether an encoding has all of our signs; where it does not, `in_ascii` does."""
    try:
        "".join(_SIGNS).encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def clipped(text: str, most: int) -> str:
    """At most so many characters, the end replaced by an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def beginning(text: str, width: int) -> str:
    """All of a safe text that may have to do with so many cells, and more than fits: the rest need not be measured."""
    return text[: (1 + MARKS) * (max(0, width) + 1)]


def cut(text: str, width: int, *, ascii_only: bool = False) -> str:
    """At most width terminal cells, the end replaced by an ellipsis."""
    text = beginning(text, width)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + ("~" if ascii_only else "…") if width > 0 else ""


def wrapped(line: str, width: int) -> list[str]:
    """Broken between the parts of a line, which two blanks separate; a note has one part, and breaks anywhere."""
    bound = re.sub("(?<=[^ ]) (?=[^ ])", "\xa0", line) if "  " in line.strip() else line
    parts = textwrap.wrap(bound, width, subsequent_indent="    ", break_on_hyphens=False)
    return [cut(part.replace("\xa0", " "), width) for part in parts]  # a wide character counts as one there


def fit(text: str, width: int, *, right: bool = False, ascii_only: bool = False) -> str:
    """Exactly width terminal cells; wide characters take two."""
    fitting = cut(text, width, ascii_only=ascii_only)
    blanks = " " * (width - cell_len(fitting))
    return blanks + fitting if right else fitting + blanks


def timestamp(wall_ns: int, *, utc: bool = False) -> str:
    """UTC: RFC 3339 with microseconds. Local: the time of day with milliseconds."""
    at = datetime.datetime.fromtimestamp(wall_ns // 1_000_000_000, datetime.timezone.utc)
    at += datetime.timedelta(microseconds=wall_ns % 1_000_000_000 // 1000)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if utc else at.astimezone().strftime("%H:%M:%S.%f")[:-3]


def date(wall_ns: int) -> str:
    """Local, in the order that sorts."""
    return datetime.datetime.fromtimestamp(wall_ns // 1_000_000_000).astimezone().strftime("%Y-%m-%d")
