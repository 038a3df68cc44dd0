"""The content of an exported file: a snapshot, a view and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from epolltop.model.event import Event
from epolltop.model.snapshot import Snapshot
from epolltop.query.member import Row
from epolltop.query.view import View

WIDTH = 80
"""Default columns of text, as in terminals and mails."""


@dataclass(frozen=True)  # no slots: with them Report[Row](...) raises in Python 3.11
class Report(Generic[Row]):
    """Rows of one subject, to be written in any format."""

    snapshot: Snapshot
    view: View[Row]
    """What was asked."""
    rows: Sequence[Row]
    """Its rows, in that order; or those of them that were chosen."""
    filter_text: str = ""
    """The view's filter as it was typed."""
    events: Sequence[Event] | None = None
    """Events that JSON has beside the rows, unless the rows are events."""
    watches: bool = True
    """JSON has what instances watch, as far as it was read; rules have some lists read that nobody asked for."""
    width: int = WIDTH
    """Columns of text."""
    ascii_only: bool = False
