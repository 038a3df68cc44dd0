"""From the command line to a front end and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from epolltop.command_line import Answered, BadUsage
from epolltop.complaints import BAD_USAGE, complain, narrate, sentence, told
from epolltop.doctor_command import report_machine
from epolltop.findings.families.blocked_loops import looked_at_ns
from epolltop.headless import front_end, run_headless
from epolltop.options import Options, parse_options
from epolltop.output.export import export, export_screen
from epolltop.output.files import Successor, require_room
from epolltop.output.formats import FORMATS
from epolltop.output.record_command import run_record
from epolltop.own_process import least_rights as least
from epolltop.own_process.descriptors import settle
from epolltop.own_process.environment import hide_environment
from epolltop.own_process.heap import map_large_blocks
from epolltop.own_process.leaving import Leaving
from epolltop.own_process.privileges import keep_nothing
from epolltop.own_process.streams import Stdout
from epolltop.query.view import EVENTS
from epolltop.saved.opening import open_file
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation, OpenSource
from epolltop.session.replay import Replay
from epolltop.session.timeline import Timeline
from epolltop.sources import FactSource
from epolltop.sources.choose import open_source
from epolltop.sources.recording.recorder import Recorder
from epolltop.text.glyphs import in_ascii
from epolltop.text.numbers import plural, size

if TYPE_CHECKING:
    from epolltop.sources.bpf.bpf_source import BpfSource
    from epolltop.sources.proc_source import ProcSource

_RECORDED_S = 1.0


def main(argv: list[str] | None = None, leaving: Leaving | None = None) -> int:
    """Runs epolltop; the exit code.

    Args:
        argv: without the program's name; None: the process' own.
        leaving: the way out; None: it begins here.
    """
    hide_environment()
    map_large_blocks()
    # Records do not refer in circles: looking for circles among 100,000 of them is in vain, and takes 0.1 s each time.
    # Widgets do. They go in the second generation, of which 50 collections of the first would leave 20 MB.
    gc.set_threshold(100_000, 10, 100)
    if leaving is None:
        settle()
        leaving = Leaving()
        leaving.begin()
    stdout = Stdout(leaving)
    try:
        options = parse_options(sys.argv[1:] if argv is None else argv, no_color="NO_COLOR" in os.environ)
    except Answered as asked:
        answer = str(asked)
        return told(lambda: stdout.text(answer))
    except BadUsage as error:
        return complain(*str(error).split("\n"), code=BAD_USAGE)
    except OSError as error:
        return complain(*sentence(error))
    closing = contextlib.ExitStack()
    code = told(lambda: _run(options, stdout, leaving, closing), options)
    leaving.ask(code)  # what is closed now has its time
    return max(code, told(closing.close, options))


def _run(options: Options, stdout: Stdout, leaving: Leaving, closing: contextlib.ExitStack) -> int:
    missing = _missing(options) if options.saved is None or options.command == "record" else []
    if missing and len(missing) == len(options.selection.asked):
        return complain(f"there is no process {' or '.join(map(str, sorted(missing)))}")
    if options.command == "doctor":
        return report_machine(options, stdout, _opened)
    if options.command == "record":
        leaving.do(keep_nothing)
        return _record(options, stdout, leaving, closing)
    path, descriptor = None if options.saved in (None, "-") else Path(options.saved), None
    if options.saved is not None:
        descriptor = open_file(path)
        least.replay()
    leaving.do(keep_nothing)
    if options.output is not None:
        require_room(options.output)
    tell_all = options.events or options.view.subject.id == EVENTS.id
    on_screen = options.command == "live" and not options.batch and _has_terminal(stdout)
    timeline: Timeline
    if descriptor is None:
        observation = Observation(_opener(options), options.selection, options.settings)
        timeline = Listener(observation, options.delay_s or 1.0, tell_all=tell_all)
    else:
        timeline = Replay(
            path,
            options.selection,
            options.settings,
            tell_all=tell_all,
            paced=on_screen,
            descriptor=descriptor,
        )
    closing.callback(timeline.close)
    if on_screen:
        return _ui(timeline, options, stdout, leaving)
    if options.output is None:
        stdout.watch()
    return asyncio.run(run_headless(timeline, front_end(timeline, options, stdout), leaving))


def _missing(options: Options) -> Sequence[int]:
    """Pids that were asked for and that nobody has."""
    from epolltop.proc.procfs import is_listed

    return [pid for pid in options.selection.asked if not is_listed(pid)]


def _opener(options: Options) -> OpenSource:
    def opened() -> FactSource:
        source = _opened(options)
        least.observer(source.needs)
        return source

    return opened


def _opened(options: Options) -> BpfSource | ProcSource:
    return open_source(
        options.source,
        include_self=options.include_self,
        pids=options.selection.asked,
        stacks=options.stacks,
        late_ns=looked_at_ns(options.settings),
        late_stacks_ns=options.blocked_stacks_ns,
        compat=options.compat,
        budget=options.budget,
        attach=options.attach,
        without=options.without,
    )


def _record(options: Options, stdout: Stdout, leaving: Leaving, closing: contextlib.ExitStack) -> int:
    """Observes into a file; what it became is told in the end, also if it could not be finished."""
    assert options.saved is not None
    path = None if options.saved == "-" else Path(options.saved)
    if path is None and stdout.is_terminal:
        return complain("a recording cannot go to a terminal: name a file, or pipe it on (| …)", code=BAD_USAGE)
    leaving.interrupted = 0
    recorders: list[Recorder] = []
    leaving.tell(lambda _: None)  # from here on there is a file that must not stay
    successor = None if path is None else Successor(path)
    file = stdout.opened() if successor is None else successor.file

    def open_recorder() -> Recorder:
        recorders.append(Recorder(_opener(options)(), file, str(path or "stdout"), options.selection))
        return recorders[0]

    def begun() -> None:
        if successor is not None:
            successor.succeed()

    def tell() -> None:
        if successor is not None:
            successor.resign()
        for recorder in (recorder for recorder in recorders if recorder.ticks):
            narrate(f"{plural(recorder.ticks, 'tick')}, {size(recorder.octets)} in {path or 'stdout'}")

    settings = dataclasses.replace(options.settings, allowed=frozenset())  # a replay may want what they need
    timeline = Listener(Observation(open_recorder, options.selection, settings), _RECORDED_S)
    closing.callback(tell)
    closing.callback(timeline.close)
    if path is None:
        stdout.watch()
    return asyncio.run(
        run_headless(
            timeline,
            run_record(timeline, begun, say=narrate, seconds=options.delay_s, watches=options.watches),
            leaving,
        )
    )


def _ui(timeline: Timeline, options: Options, stdout: Stdout, leaving: Leaving) -> int:
    from epolltop.ui.exports import Exports
    from epolltop.ui.run import run_ui
    from epolltop.ui.state.navigation import root

    readable = in_ascii if options.ascii_only or stdout.is_ascii else str
    stdout.watch()
    view = options.view
    start = dataclasses.replace(
        root(view.subject),
        filter_text=options.filter,
        filter=view.filter,
        sort=view.sort,
        reverse=view.reverse,
        rows=view.rows,
    )
    exports = Exports(
        functools.partial(export, ascii_only=options.ascii_only),
        functools.partial(export_screen, ascii_only=options.ascii_only),
        tuple(FORMATS),
    )
    code, message = run_ui(
        timeline, start, exports, leaving, color=options.color, theme=options.theme, readable=readable
    )
    return complain(*message.splitlines(), code=code) if message else code


def _has_terminal(stdout: Stdout) -> bool:
    if not stdout.is_terminal:
        return False
    if os.environ.get("TERM", "") in ("", "dumb"):
        narrate("this terminal cannot move its cursor (TERM): writing batch output")
        return False
    if sys.stdin is not None and sys.stdin.isatty():
        return True
    narrate("stdin is not a terminal: writing batch output")
    return False
