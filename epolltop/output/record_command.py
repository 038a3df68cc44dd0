"""The command record: it shows nothing; the source writes every tick to a file."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

from epolltop.model.instance import Instance
from epolltop.model.snapshot import Snapshot
from epolltop.output.notes import Remarks
from epolltop.query.asked_lists import lists_asked
from epolltop.query.view import held_instances
from epolltop.session.timeline import Timeline

MEASURED = 200
"""Instances whose interest lists are measured each tick, in turn: as many as the screen measures."""


async def run_record(
    timeline: Timeline,
    begun: Callable[[], object],
    *,
    say: Callable[[str], object],
    seconds: float | None,
    watches: bool,
) -> None:
    """Goes on until the time is over or it is stopped; says what cannot be seen, and what has no event.

    Args:
        timeline: not opened yet; its source writes the ticks that it yields.
        begun: called when the first tick is written.
        say: takes notes, one line each.
        seconds: duration; None: until it is stopped.
        watches: have what instances watch read, a part with each tick, and again as often as its cost allows.
    """
    snapshot = await timeline.open()
    begun()
    remarks = Remarks(say)
    remarks.begin(snapshot)
    timeline.focus = _next(snapshot, ())
    timeline.asked = lists_asked(held_instances(snapshot)) if watches else ()
    async for snapshot in timeline.ticks(math.inf if seconds is None else seconds):
        timeline.focus = _next(snapshot, timeline.focus)
        timeline.asked = lists_asked(held_instances(snapshot)) if watches else ()
    remarks.end(await timeline.now())


def _next(snapshot: Snapshot, measured: Sequence[Instance]) -> tuple[Instance, ...]:
    """The instances after the last measured one, in the order of their files; after the end, the first again."""
    held = {instance.file: instance for row in snapshot.processes for instance in row.instances}
    files = sorted(held)
    begin = bisect.bisect_right(files, measured[-1].file) if measured else 0
    return tuple(held[file] for file in (files[begin:] + files[:begin])[:MEASURED])
