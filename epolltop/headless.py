"""Front ends that write lines: which one a command has, and how it is run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from collections.abc import Callable, Coroutine

from epolltop.complaints import narrate
from epolltop.errors import SourceEnded
from epolltop.options import Options
from epolltop.output.batch_command import run_batch
from epolltop.output.event_lines import run_events
from epolltop.output.explain_command import run_explain
from epolltop.output.files import write_whole
from epolltop.output.parts import by_blocks
from epolltop.output.snapshot_command import run_snapshot
from epolltop.own_process import least_rights as least
from epolltop.own_process.leaving import Leaving
from epolltop.own_process.streams import Stdout
from epolltop.session.outage import Outage
from epolltop.session.recent import RECENT_S
from epolltop.session.timeline import Timeline

_EVENTS_REFRESH_S = 0.1
_SNAPSHOT_S, _JUDGED_S, _EXPLAINED_S = 1.0, 10.0, RECENT_S
"""How long is observed unless -d says otherwise; the second if findings decide on the exit code."""


def front_end(timeline: Timeline, options: Options, stdout: Stdout) -> Coroutine[None, None, int | None]:
    """What the command that was asked for does with a timeline; gives the exit code if it has one of its own."""
    is_text = options.format == "txt" if options.command == "snapshot" else not options.json
    write = by_blocks(stdout.text if is_text else stdout.data)
    watches = options.watches or timeline.playback is not None  # a file has what was read then
    ascii_only = options.ascii_only or (is_text and stdout.is_ascii)
    if options.command == "snapshot":
        whole = math.inf if timeline.playback else _SNAPSHOT_S if options.fail_on is None else _JUDGED_S
        return run_snapshot(
            timeline,
            options.view,
            options.filter,
            write if options.output is None else functools.partial(write_whole, options.output),
            say=narrate,
            seconds=whole if options.delay_s is None else options.delay_s,
            format=options.format,
            events=options.events,
            watches=watches,
            fail_on=options.fail_on,
            ascii_only=ascii_only,
            width=options.width,
        )
    if options.command == "explain":
        whole = math.inf if timeline.playback else _EXPLAINED_S
        (pid,) = options.selection.named
        return run_explain(
            timeline,
            pid,
            write,
            say=narrate,
            settings=options.settings,
            seconds=whole if options.delay_s is None else options.delay_s,
            json=options.json,
            ascii_only=ascii_only,
            width=options.width,
        )
    if options.command == "events":
        timeline.delay_s = _EVENTS_REFRESH_S
        return run_events(
            timeline,
            options.view.filter,
            write,
            say=narrate,
            seconds=options.delay_s,
            json=options.json,
            findings=options.findings,
            ascii_only=ascii_only,
        )
    return run_batch(
        timeline,
        options.view,
        options.filter,
        write,
        count=options.count,
        json=options.json,
        watches=watches,
        ascii_only=ascii_only,
        width=options.width,
    )


async def run_headless(timeline: Timeline, command: Coroutine[None, None, int | None], leaving: Leaving) -> int:
    """Runs a front end that writes lines, and ends it in order when it is asked to leave."""
    loop = asyncio.get_running_loop()
    leaving.tell(lambda _: loop.call_soon_threadsafe(timeline.stopping.set))
    timeline.on_outage = _teller()
    timeline.prepare()  # its thread begins with the rights that the front end gives up
    least.front_end()
    code = None
    with contextlib.suppress(SourceEnded):  # a stream had not even begun when we were stopped
        code = await command
    if timeline.playback and timeline.playback.trouble:
        narrate(timeline.playback.trouble)
    return leaving.code or code or 0


def _teller() -> Callable[[Outage | None], None]:
    """Says when nothing can be read, once, and when it is over."""
    since = ""

    def tell(outage: Outage | None) -> None:
        nonlocal since
        if outage is None:
            narrate(f"reading works again; until now {since}")
            since = ""
        elif not since:
            since = str(outage)
            narrate(since)

    return tell
