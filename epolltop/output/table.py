"""Rows as CSV and Markdown, all from the field registry."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from epolltop.model.snapshot import Snapshot
from epolltop.query.fields import Field, Row, Value, shown
from epolltop.text import in_ascii


def comma_separated(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """RFC 4180 with raw values, nothing for unknown."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heading)
    writer.writerows([_guarded(value) for value in row] for row in rows)
    return out.getvalue()


def markdown(rows: Iterable[Row], fields: Sequence[Field[Row]], snapshot: Snapshot, *, ascii_only: bool = False) -> str:
    """A table for an issue or a report."""
    columns = shown(fields, snapshot)

    def cell(field: Field[Row], row: Row) -> str:
        text = field.show(row, snapshot).strip()
        return escaped(in_ascii(text) if ascii_only else text)

    lines = [
        "| " + " | ".join(field.title for field in columns) + " |",
        "|" + "|".join(" ---: " if field.right else " --- " for field in columns) + "|",
    ]
    lines.extend("| " + " | ".join(cell(field, row) for field in columns) + " |" for row in rows)
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    for char in "\\|`*_<>[]&~":
        text = text.replace(char, f"\\{char}")
    return text


def _guarded(value: Value) -> Value:
    """A spreadsheet must not take another program's name for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return "" if value is None else value
