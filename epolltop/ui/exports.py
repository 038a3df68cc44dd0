"""Ways out of the screen, given by whoever starts it: the screen itself writes no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from epolltop.model.snapshot import Snapshot
from epolltop.query.view import View

Halted = Callable[[], bool]
"""Whether nobody waits for it any more."""


class ExportRows(Protocol):
    """Writes rows of a view of a snapshot, its filter as typed, in one of the formats, unless nobody waits for it."""

    def __call__(
        self, snapshot: Snapshot, view: View[Any], rows: Sequence[Any], filter_text: str, format: str, *, halted: Halted
    ) -> Path:
        """See Exports."""


class Exports(NamedTuple):
    """Each writes a file, says where it stands, and raises OSError with the path if it cannot."""

    rows: ExportRows
    """A table."""
    screen: Callable[[str], Path]
    """The screen as SVG."""
    formats: tuple[str, ...]
    """Names of formats for rows."""
