"""One snapshot about an observation of some seconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from epolltop.model.batch import Event
from epolltop.model.snapshot import ProcessRow
from epolltop.output.formats import FORMATS, Report
from epolltop.query.view import View, look
from epolltop.session import Session


async def run_snapshot(
    session: Session,
    view: View[ProcessRow],
    write: Callable[[str], None],
    *,
    seconds: float,
    format: str,
    events: bool,
    ascii_only: bool,
) -> None:
    """Writes what was seen, also if the session is stopped before the time is over."""
    snapshot = await session.open()
    seen: list[Event] = list(snapshot.news)
    if seconds:
        async for snapshot in session.observe(seconds):
            seen.extend(snapshot.news)
    session.focus = tuple(instance for row in snapshot.processes for instance in row.instances)
    snapshot = await session.now()
    seen.extend(snapshot.news)
    if not seconds:
        snapshot = dataclasses.replace(snapshot, window_s=0.0, observed_s=0.0)
    rows = look(snapshot, view)
    write(FORMATS[format](Report(snapshot, rows, events=seen if events else None, ascii_only=ascii_only)))
