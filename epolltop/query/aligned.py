"""Rows as aligned lines of text, for output without a table widget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from epolltop.model.snapshot import Snapshot
from epolltop.query.field import GAP, Field, fitting
from epolltop.query.member import Row
from epolltop.text.cells import fit
from epolltop.text.glyphs import in_ascii


def plain(
    rows: Iterable[Row], fields: Sequence[Field[Row]], snapshot: Snapshot, width: int, *, ascii_only: bool = False
) -> Iterator[str]:
    """Aligned lines, the heading first; the flexible column is cut at width."""
    chosen = fitting(fields, width, snapshot)
    left = width - sum(field.width + GAP for field in chosen if field.width)

    def fitted(field: Field[Row], cell: str) -> str:
        cell = in_ascii(cell) if ascii_only else cell
        return fit(cell, field.width or left, right=field.right, ascii_only=ascii_only)

    def line(cells: Iterable[str]) -> str:
        return (" " * GAP).join(map(fitted, chosen, cells)).rstrip()

    yield line(field.title for field in chosen)
    for row in rows:
        yield line(field.show(row, snapshot) for field in chosen)
