"""Rows as CSV and Markdown, all from the field registry."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Sequence

from epolltop.model.snapshot import Snapshot
from epolltop.output.parts import Parts
from epolltop.query.field import Field, Value, shown
from epolltop.query.member import Row
from epolltop.text.glyphs import in_ascii


def comma_separated(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> Parts:
    """RFC 4180 with raw values, true and false, and an empty cell if unknown; yields a line at a time."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in itertools.chain((heading,), rows):
        writer.writerow([_cell(value) for value in row])
        yield out.getvalue()
        out.seek(0)
        out.truncate()


def markdown(
    rows: Iterable[Row], fields: Sequence[Field[Row]], snapshot: Snapshot, *, ascii_only: bool = False
) -> Parts:
    """A table for an issue or a report; yields a line at a time."""
    columns = shown(fields, snapshot)

    def cell(field: Field[Row], row: Row) -> str:
        readable = field.show(row, snapshot).strip()
        text = in_ascii(readable) if ascii_only else readable
        return literal(text) if field.unit == "text" else escaped(text)

    yield "| " + " | ".join(field.title for field in columns) + " |\n"
    yield "|" + "|".join(" ---: " if field.right else " --- " for field in columns) + "|\n"
    for row in rows:
        yield "| " + " | ".join(cell(field, row) for field in columns) + " |\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    for char in "\\|`*_<>[]&~":
        text = text.replace(char, f"\\{char}")
    return text


_HARMLESS = re.compile("[A-Za-z ?-]*|[0-9.:,]*")


def literal(text: str) -> str:
    """Text of a stranger that Markdown shows as it is, and that no site turns into a link, a mention or a reference.

    A code span does that; but a bar ends the cell of a table there, too.
    """
    return text if _HARMLESS.fullmatch(text) else r"\|".join(map(_code_span, text.split("|")))


def _code_span(text: str) -> str:
    if not text:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    padding = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{padding}{text}{padding}{fence}"


_SIGNS = "=+@\\-\uff1d\uff0b\uff20\uff0d\ufe66\ufe62\ufe6b\ufe63\u207c\u207a\u207b\u208c\u208a\u208b\u2212"
"""First characters of formulas, and their full-width, small, raised and lowered forms; Unicode's minus."""
_FORMULA = re.compile(f'(?:^|(?<=[;,|\t]))(?=[ "]*[{_SIGNS}])')
"""Places where a spreadsheet would begin a formula: at the beginning, and after any character that its locale takes for
the end of a cell, quoted or not. East Asian locales accept full-width characters."""


def _cell(value: Value) -> Value:
    """The value as JSON spells it, changed so that a spreadsheet does not take a stranger's name for a formula."""
    if isinstance(value, str):
        return _FORMULA.sub("'", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
