"""Rows as text: aligned plain text, CSV and Markdown, all from the field registry."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from epolltop.model.snapshot import Snapshot
from epolltop.query.fields import GAP, Field, Row, Value, fitting
from epolltop.text import fit, in_ascii


def plain(
    rows: Iterable[Row], fields: Sequence[Field[Row]], snapshot: Snapshot, width: int, *, ascii_only: bool = False
) -> list[str]:
    """Aligned lines, the heading first; the flexible column is cut at width."""
    chosen = fitting(fields, width)
    left = width - sum(field.width + GAP for field in chosen if field.width)

    def fitted(field: Field[Row], cell: str) -> str:
        cell = in_ascii(cell) if ascii_only else cell
        return fit(cell, field.width or left, right=field.right, ascii_only=ascii_only)

    def line(cells: Iterable[str]) -> str:
        return (" " * GAP).join(map(fitted, chosen, cells)).rstrip()

    lines = [line(field.title for field in chosen)]
    lines.extend(line(field.show(row, snapshot) for field in chosen) for row in rows)
    return lines


def comma_separated(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """RFC 4180 with raw values, nothing for unknown."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heading)
    writer.writerows([_guarded(value) for value in row] for row in rows)
    return out.getvalue()


def markdown(rows: Iterable[Row], fields: Sequence[Field[Row]], snapshot: Snapshot) -> str:
    """A table for an issue or a report."""
    shown = [field for field in fields if field.shown]
    lines = [
        "| " + " | ".join(field.title for field in shown) + " |",
        "|" + "|".join(" ---: " if field.right else " --- " for field in shown) + "|",
    ]
    lines.extend(
        "| " + " | ".join(escaped(field.show(row, snapshot).strip()) for field in shown) + " |" for row in rows
    )
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    for char in "\\|`*_<>[]":
        text = text.replace(char, f"\\{char}")
    return text


def _guarded(value: Value) -> Value:
    """A spreadsheet must not take another program's name for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return "" if value is None else value
