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

import humanize
from rich.cells import cell_len, set_cell_size

UNKNOWN = "?"
"""Shown where a value is not known: unknown is not zero."""

_SPARKS = "▁▂▃▄▅▆▇█"
_IN_ASCII = str.maketrans(
    {"≥": ">=", "µ": "u", "…": "~", "↑": "Up", "↓": "Down", "←": "Left", "→": "Right", "▲": "^", "▼": "v", "▸": ">"}
    | dict(zip(_SPARKS, "_.-=+*#@", strict=True))
)


@functools.lru_cache(maxsize=4096)
def safe(raw: bytes) -> str:
    r"""Bytes as one line of printable text: what is not UTF-8 by backslashreplace, what is not printable escaped.

    Control characters become ``\xNN``, other invisible characters ``\uNNNN``; a NUL between arguments is the caller's.
    """
    return printable(raw.decode("utf-8", "backslashreplace"))


@functools.lru_cache(maxsize=4096)
def printable(text: str) -> str:
    """The same for text that somebody else decoded, as it stands in a file; what is safe stays as it is."""
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(char: str) -> str:
    # Format characters (Cf) can reorder or hide text on a terminal, surrogates and private use have no agreed look,
    # line and paragraph separators break rows, and blanks that are none deceive.
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def duration(seconds: float | None) -> str:
    """At most two units, five to seven columns: 250µs, 12ms, 4.2s, 3m05s, 2h07m, 12d03h."""
    if seconds is None:
        return UNKNOWN
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
    """Per second, three digits; 0 is 0, what rounds to it is <0.1."""
    if per_s is None:
        return UNKNOWN
    if per_s == 0:
        return "0"
    if per_s < 0.05:
        return "<0.1"
    return f"{per_s:.1f}" if per_s < 99.95 else count(round(per_s))


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


def cut(text: str, width: int, *, ascii_only: bool = False) -> str:
    """At most width terminal cells, the end replaced by an ellipsis."""
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
