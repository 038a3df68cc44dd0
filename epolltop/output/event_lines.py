"""The event journal as lines, as it happens."""

from __future__ import annotations

import itertools
import json as jsonlib
import math
from collections.abc import Callable, Iterable

from epolltop.model.event import Event
from epolltop.model.snapshot import Snapshot
from epolltop.output.finding_lines import FindingLines
from epolltop.output.notes import Remarks
from epolltop.output.parts import Parts, Write
from epolltop.query.aligned import plain
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.event_record import event_record
from epolltop.query.filter import Predicate
from epolltop.query.losses import missing
from epolltop.session.timeline import Timeline

WIDTH = 120
"""Cells of a line: an instance's id is long, and a search does not find an id that is cut."""


async def run_events(
    timeline: Timeline,
    predicate: Predicate[Event],
    write: Write,
    *,
    say: Callable[[str], object],
    seconds: float | None,
    json: bool,
    findings: bool = False,
    ascii_only: bool,
) -> None:
    """Writes each event that matches, until the time is over or it is stopped.

    Args:
        timeline: keeps all events.
        predicate: which events.
        write: takes the lines.
        say: takes notes: what cannot be seen, when events begin to be missing, and in the end how many are missing.
        seconds: duration; None: endless.
        json: write one record per line.
        findings: write a line, too, when one opens or closes.
        ascii_only: use no other characters.
    """

    def lines(events: Iterable[Event], snapshot: Snapshot) -> Parts:
        chosen = (event for event in events if predicate(event, snapshot))
        if json:
            return (jsonlib.dumps(event_record(event, snapshot)) + "\n" for event in chosen)
        aligned = plain(chosen, EVENT_FIELDS, snapshot, WIDTH, ascii_only=ascii_only)
        return (f"{line}\n" for line in itertools.islice(aligned, 1, None))

    changes = FindingLines(json=json, ascii_only=ascii_only)

    def tell(snapshot: Snapshot) -> None:
        write(lines(snapshot.news, snapshot))
        if findings:
            write(changes.told(snapshot))

    snapshot = await timeline.open()
    if not json:
        write((next(plain((), EVENT_FIELDS, snapshot, WIDTH)), "\n"))
    remarks = Remarks(say)
    remarks.begin(snapshot)
    tell(snapshot)
    said = ""
    async for snapshot in timeline.ticks(math.inf if seconds is None else seconds):
        tell(snapshot)
        if not said and (said := missing(snapshot)):
            say(f"from here on some events are missing: {said}")
    snapshot = await timeline.now()
    tell(snapshot)
    remarks.end(snapshot)
