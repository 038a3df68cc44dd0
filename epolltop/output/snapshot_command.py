"""The command snapshot: one snapshot after an observation of some seconds."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from typing import Any

from epolltop.model.bounds import EVENTS_MAX
from epolltop.model.finding import Severity
from epolltop.output.formats import FORMATS
from epolltop.output.notes import Remarks
from epolltop.output.parts import Write
from epolltop.output.report import WIDTH, Report
from epolltop.query.asked_lists import lists_missing
from epolltop.query.view import View, look
from epolltop.session.timeline import Timeline
from epolltop.text.numbers import grouped, plural

FOUND = 4
"""The exit code if there is a finding that is grave enough."""


async def run_snapshot(
    timeline: Timeline,
    view: View[Any],
    filter_text: str,
    write: Write,
    *,
    say: Callable[[str], object],
    seconds: float,
    format: str,
    events: bool,
    watches: bool,
    fail_on: Severity | None = None,
    ascii_only: bool,
    width: int = WIDTH,
) -> int:
    """Writes the snapshot, even if the session is stopped before the time is over.

    Args:
        timeline: keeps all events if the view or `events` needs them.
        view: which rows.
        filter_text: the view's filter as typed.
        write: takes the text.
        say: takes notes: what is missing, and what cannot be seen if the format has no place for it.
        seconds: how long to observe; 0: only what exists now.
        format: a key of FORMATS.
        events: JSON has the events of the observation, too.
        watches: what each instance watches is read, as far as there is time.
        ascii_only: use no other characters.
        fail_on: the least severity of a finding with which it fails; None: it does not.
        width: columns of text.

    Returns:
        The exit code.
    """
    snapshot = await timeline.open()
    seen = collections.deque(snapshot.news, EVENTS_MAX)
    count = len(snapshot.news)
    if seconds:
        async for news in timeline.observe(seconds):
            seen.extend(news)
            count += len(news)
    await timeline.look_at_all(watches=watches)
    snapshot = await timeline.now()
    seen.extend(snapshot.news)
    count += len(snapshot.news) + snapshot.dropped
    if not seconds:
        snapshot = dataclasses.replace(snapshot, window_s=0.0, observed_s=0.0)
    # A journal keeps only the last events; these are the events of the whole observation.
    snapshot = dataclasses.replace(snapshot, journal=tuple(seen), journal_end=count)
    if count > len(seen):
        left_out = plural(count - len(seen), "event")
        say(f"left out: {left_out} before the last {grouped(EVENTS_MAX)}; `record` keeps all")
    rows, told = look(snapshot, view), snapshot.journal if events else None
    report = Report(snapshot, view, rows, filter_text, events=told, watches=watches, width=width, ascii_only=ascii_only)
    write(FORMATS[format](report))
    if format == "csv":
        Remarks(say).end(snapshot)
        if missing := lists_missing(snapshot, view.subject, filter_text, view.sort):
            say(f"watches: {missing}")
    grave = fail_on is not None and any(finding.severity >= fail_on for finding in snapshot.findings)
    return FOUND if grave else 0
