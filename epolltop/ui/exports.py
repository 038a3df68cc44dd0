"""Exports that the caller gives to the screen: the screen itself writes no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from epolltop.model.snapshot import Snapshot
from epolltop.query.view import View

Halted = Callable[[], bool]
"""Whether nobody waits for the export any more."""


class ExportRows(Protocol):
    """Writes rows of a view of a snapshot, with its filter as typed, in a format, unless nobody waits any more."""

    def __call__(
        self, snapshot: Snapshot, view: View[Any], rows: Sequence[Any], filter_text: str, format: str, *, halted: Halted
    ) -> Path:
        """See Exports."""


class Exports(NamedTuple):
    """Each writes a file, returns its path, and raises OSError with the path if it cannot."""

    rows: ExportRows
    """A table."""
    screen: Callable[[str], Path]
    """The screen as SVG."""
    formats: tuple[str, ...]
    """Names of formats for rows."""
