"""A table per refresh on stdout, as top -b."""

from __future__ import annotations

from collections.abc import Callable

from epolltop.model.snapshot import ProcessRow
from epolltop.output.formats import WIDTH, Report, as_json_line, as_text
from epolltop.query.view import View, look
from epolltop.session import Session


async def run_batch(
    session: Session,
    view: View[ProcessRow],
    write: Callable[[str], None],
    *,
    count: int | None,
    json: bool,
    ascii_only: bool,
) -> None:
    """Writes a table after each delay until count is reached or the session stops."""
    await session.open()
    written = 0
    async for snapshot in session.ticks():
        report = Report(snapshot, look(snapshot, view), width=WIDTH, ascii_only=ascii_only)
        write(as_json_line(report) if json else as_text(report) + "\n")
        written += 1
        if written == count:
            return
