"""Ways out of the screen, given by whoever starts it: the screen itself writes no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from epolltop.model.snapshot import Snapshot
from epolltop.query.view import View


class Exports(NamedTuple):
    """Each writes a file, says where it stands, and raises OSError with the path if it cannot."""

    rows: Callable[[Snapshot, View[Any], Sequence[Any], str, str], Path]
    """Rows of a view of a snapshot, its filter as typed, in one of the formats."""
    screen: Callable[[str], Path]
    """The screen as SVG."""
    formats: tuple[str, ...]
    """Names of formats for rows."""
