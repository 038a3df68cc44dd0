"""A table per refresh on stdout, as top -b."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from epolltop.output.formats import as_json_line, as_text
from epolltop.output.parts import Write
from epolltop.output.report import WIDTH, Report
from epolltop.query.asked_lists import lists_asked
from epolltop.query.view import View, held_instances, look, processes_of
from epolltop.session.timeline import Timeline


async def run_batch(
    timeline: Timeline,
    view: View[Any],
    filter_text: str,
    write: Write,
    *,
    count: int | None,
    json: bool,
    watches: bool,
    ascii_only: bool,
    width: int = WIDTH,
) -> None:
    """Writes a table after each delay until it has written count tables or is stopped.

    Args:
        timeline: keeps all events if the view is of events.
        view: which rows; for events, those since the table before.
        filter_text: the view's filter as typed.
        write: takes each table.
        count: number of tables; None: endless.
        json: write one document per line instead.
        watches: have what instances watch read, a part with each table until all is.
        ascii_only: use no other characters.
        width: columns of a table.
    """
    snapshot = await timeline.open()
    news = snapshot.news
    timeline.asked = lists_asked(held_instances(snapshot)) if watches else ()
    written = 0
    async for snapshot in timeline.ticks():
        told = dataclasses.replace(snapshot, journal=news + snapshot.news)
        news = ()
        rows = look(told, view)
        timeline.shown = processes_of(rows)
        timeline.asked = lists_asked(held_instances(snapshot)) if watches else ()
        report = Report(told, view, rows, filter_text, watches=watches, width=width, ascii_only=ascii_only)
        write(as_json_line(report) if json else itertools.chain(as_text(report), "\n"))
        written += 1
        if written == count:
            return
