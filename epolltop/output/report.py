"""What a file is made of: what somebody looked at, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from epolltop.model.batch import Event
from epolltop.model.snapshot import Snapshot
from epolltop.query.member import Row
from epolltop.query.view import View

WIDTH = 80
"""Columns of text, as terminals and mails have them, unless more are asked for."""


@dataclass(frozen=True)  # no slots: with them Report[Row](...) raises in Python 3.11
class Report(Generic[Row]):
    """Rows of one subject, to be written in any format."""

    snapshot: Snapshot
    view: View[Row]
    """What was asked."""
    rows: Sequence[Row]
    """What answers it, in that order; or those of them that were chosen."""
    filter_text: str = ""
    """The view's filter as it was typed."""
    events: Sequence[Event] | None = None
    """What JSON tells beside the rows, unless they are events themselves."""
    width: int = WIDTH
    """Columns of text."""
    ascii_only: bool = False
