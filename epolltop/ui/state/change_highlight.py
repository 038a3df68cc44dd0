"""New rows are bold and gone rows stay, dim, for three seconds, so that nobody misses a change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

GLOW_NS = 3_000_000_000
TRACKED = 20_000
"""Rows compared from one snapshot to the next, in 5 ms; a longer list shows comings and goings in its events only."""


class Glow:
    """Compares the rows of one list from one snapshot to the next."""

    def __init__(self, key: Callable[[Any], Hashable]) -> None:
        self._key = key
        self._forget()

    def _forget(self) -> None:
        self._rows: Mapping[Hashable, Any] | None = None
        self._came: dict[Hashable, int] = {}
        self._went: dict[Hashable, tuple[int, Any]] = {}

    def update(self, rows: Sequence[Any], now_ns: int) -> None:
        """The rows of the next snapshot, taken at now_ns (boot clock)."""
        if len(rows) > TRACKED:
            self._forget()
            return
        fresh = {self._key(row): row for row in rows}
        if self._rows is not None and fresh.keys() != self._rows.keys():
            self._came.update((key, now_ns) for key in fresh.keys() - self._rows.keys())
            self._went.update((key, (now_ns, self._rows[key])) for key in self._rows.keys() - fresh.keys())
        self._rows = fresh
        recent = now_ns - GLOW_NS
        self._came = {key: at for key, at in self._came.items() if at > recent and key in fresh}
        self._went = {key: (at, row) for key, (at, row) in self._went.items() if at > recent and key not in fresh}

    @property
    def gone(self) -> Sequence[Any]:
        """Rows that went within the last three seconds, as they were."""
        return [row for _, row in self._went.values()]

    def row_class(self, row: Any) -> str:
        """The style class of a row, for VirtualTable."""
        if not self._came and not self._went:
            return ""
        key = self._key(row)
        return "table--dim" if key in self._went else "table--bold" if key in self._came else ""
