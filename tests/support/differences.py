"""What differs between two documents or two tables: said so, a test names each change and nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

Rows = list[Mapping[str, str]]


def changed(before: Any, after: Any) -> dict[str, Any]:
    """Members of after that are not as before, by path: {"totals.exact": False}; other members: the whole differs."""
    return dict(_changed(before, after, ""))


def changed_cells(before: Rows, after: Rows) -> dict[tuple[int, str], str]:
    """Cells that are not as before, by number of the row and name of the column."""
    assert [list(row) for row in before] == [list(row) for row in after]
    return {
        (number, column): value
        for number, (old, new) in enumerate(zip(before, after, strict=True))
        for column, value in new.items()
        if value != old[column]
    }


def csv_rows(text: str) -> Rows:
    """Rows of CSV."""
    return list(csv.DictReader(io.StringIO(text)))


def markdown_rows(text: str) -> Rows:
    """Rows of the one table in a text. A bar inside of a cell has no spaces around it."""
    head, _, *rows = ([*_cells(line)] for line in text.splitlines() if line.startswith("|"))
    return [dict(zip(head, row, strict=True)) for row in rows]


def changed_lines(before: str, after: str) -> list[str]:
    """Lines that are not as before, of texts with as many lines."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return [new for old, new in pairs if new != old]


def _changed(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict) and list(before) == list(after):
        for name, value in after.items():
            yield from _changed(before[name], value, f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, value in enumerate(after):
            yield from _changed(before[number], value, f"{path}.{number}")
    elif before != after:
        yield path, after


def _cells(line: str) -> list[str]:
    return line.removeprefix("| ").removesuffix(" |").split(" | ")
