"""From the command line to a front end and an exit code. The only place that prints."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import functools
import gc
import io
import math
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import BinaryIO

from epolltop.environment import hide_environment
from epolltop.options import Options, parse_options
from epolltop.output.batch import run_batch
from epolltop.output.doctor import doctor_report
from epolltop.output.export import export, export_screen
from epolltop.output.files import Successor, require_room, write_whole
from epolltop.output.formats import FORMATS
from epolltop.output.journal import run_events
from epolltop.output.observe import run_snapshot
from epolltop.output.record import run_record
from epolltop.query.view import EVENTS
from epolltop.replay import Replay
from epolltop.session import OpenSource, Session
from epolltop.sources import MORE_DESCRIPTORS, SourceEnded, SourceUnavailable, Unplayable
from epolltop.sources.choose import open_source
from epolltop.sources.recorder import Recorder
from epolltop.text import in_ascii, narrated, plural, size

FAILED, BAD_USAGE, NO_SOURCE, SIGNALLED = 1, 2, 3, 128
_EVENTS_REFRESH_S, _RECORDED_S = 0.1, 1.0


def main(argv: list[str] | None = None) -> int:
    """Runs epolltop; the exit code."""
    _settle_descriptors()
    hide_environment()
    # Records do not refer in circles: looking for circles among 100,000 of them is in vain, and takes 0.1 s each time.
    gc.set_threshold(100_000, 50, 100)
    options = parse_options(sys.argv[1:] if argv is None else argv, no_color="NO_COLOR" in os.environ)
    watching = options.saved is None or options.command == "record"
    missing = [pid for pid in options.selection.pids if watching and not os.path.exists(f"/proc/{pid}")]
    if missing and len(missing) == len(options.selection.pids):
        return _complain(f"there is no process {' or '.join(map(str, sorted(missing)))}")
    try:
        return _run(options)
    except SourceUnavailable as error:
        code = NO_SOURCE if options.source != "auto" else FAILED
        return _complain(*str(error).splitlines(), f"  remedy: {error.remedy}", code=code)
    except Unplayable as error:
        return _complain(f"{'stdin' if options.saved == '-' else options.saved}: {error}")
    except BrokenPipeError:
        return 0  # whoever read us has enough
    except OSError as error:
        if error.errno == errno.EMFILE:
            return _complain(error.strerror or "", f"  remedy: {MORE_DESCRIPTORS}")
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error))


def _settle_descriptors() -> None:
    """Whatever stdin, stdout and stderr are, everybody may count on them."""
    # One that is closed would become an event loop or a probe, and libbpf writes on it all the same.
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a locale that is not UTF-8 lacks our signs


def _run(options: Options) -> int:
    if options.command == "doctor":
        return _doctor(options)
    if options.command == "record":
        return _record(options)
    if options.output is not None:
        require_room(options.output)
    tell_all = options.events or options.view.subject.id == EVENTS.id
    on_screen = options.command == "live" and not options.batch and _has_terminal()
    if options.saved is None:
        session = Session(_opener(options), options.selection, options.delay_s or 1.0, tell_all=tell_all)
    else:
        path = None if options.saved == "-" else Path(options.saved)
        session = Replay(path, options.selection, tell_all=tell_all, paced=on_screen)
    if on_screen:
        return _ui(session, options)
    return asyncio.run(_headless(session, _front_end(session, options)))


def _opener(options: Options) -> OpenSource:
    return functools.partial(
        open_source,
        options.source,
        include_self=options.include_self,
        stacks=options.stacks,
        compat=options.compat,
        attach=options.attach,
    )


def _record(options: Options) -> int:
    """Observes into a file; what it became is told in the end, also if it could not be finished."""
    assert options.saved is not None
    path = None if options.saved == "-" else Path(options.saved)
    if path is None and sys.stdout is not None and sys.stdout.isatty():
        return _complain("a recording is nothing for a terminal: name a file, or send it on (| …)", code=BAD_USAGE)
    recorders: list[Recorder] = []
    successor = None if path is None else Successor(path)
    file = _stdout() if successor is None else successor.file

    def open_recorder() -> Recorder:
        recorders.append(Recorder(_opener(options)(), file, str(path or "stdout"), options.selection))
        return recorders[0]

    def begun() -> None:
        if successor is not None:
            successor.succeed()

    session = Session(open_recorder, options.selection, _RECORDED_S)
    try:
        code = asyncio.run(_headless(session, run_record(session, begun, say=_narrate, seconds=options.delay_s)))
    finally:
        if successor is not None:
            successor.resign()
        for recorder in recorders:
            _narrate(f"{plural(recorder.ticks, 'tick')}, {size(recorder.octets)} in {path or 'stdout'}")
    return 0 if code == SIGNALLED + signal.SIGINT else code


def _stdout() -> BinaryIO:
    if sys.stdout is None:
        raise OSError(errno.EBADF, "closed", "stdout")
    return open(os.dup(1), "wb", buffering=0)


def _ui(session: Session, options: Options) -> int:
    from epolltop.ui.exports import Exports
    from epolltop.ui.place import root
    from epolltop.ui.run import run_ui

    readable = in_ascii if options.ascii_only else str
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
    code, message = run_ui(session, start, exports, color=options.color, theme=options.theme, readable=readable)
    return _complain(*message.splitlines(), code=code) if message else code


async def _headless(session: Session, front_end: Coroutine[None, None, None]) -> int:
    """Runs a front end that writes lines; a signal stops it cleanly and becomes the exit code."""
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        session.stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        with contextlib.suppress(SourceEnded):  # a stream had not even begun when we were stopped
            await front_end
    finally:
        session.close()
    if isinstance(session, Replay) and session.trouble:
        _narrate(session.trouble)
    return SIGNALLED + received[0] if received else 0


def _front_end(session: Session, options: Options) -> Coroutine[None, None, None]:
    if options.command == "snapshot":
        whole = math.inf if isinstance(session, Replay) else 1.0
        return run_snapshot(
            session,
            options.view,
            options.filter,
            _write if options.output is None else functools.partial(write_whole, options.output),
            say=_narrate,
            seconds=whole if options.delay_s is None else options.delay_s,
            format=options.format,
            events=options.events,
            ascii_only=options.ascii_only,
            width=options.width,
        )
    if options.command == "events":
        session.delay_s = _EVENTS_REFRESH_S
        return run_events(
            session,
            options.view.filter,
            _write,
            say=_narrate,
            seconds=options.delay_s,
            json=options.json,
            ascii_only=options.ascii_only,
        )
    return run_batch(
        session,
        options.view,
        options.filter,
        _write,
        count=options.count,
        json=options.json,
        ascii_only=options.ascii_only,
        width=options.width,
    )


def _doctor(options: Options) -> int:
    from epolltop.sources.bpf.requirements import requirements
    from epolltop.sources.procfs import Procfs
    from epolltop.sources.unlisted import find_unlisted

    described, why, code = None, "", 0
    try:
        source = _opener(options)()
        described = source.poll({}).source
        source.close()
    except SourceUnavailable as error:
        why, code = f"{error}; remedy: {error.remedy}", NO_SOURCE
    needs = requirements()  # as they are for that source: root's epolltop mounts tracefs
    report = doctor_report(
        needs,
        described,
        why,
        compat=len(Procfs().compat_pids()),
        unlisted=find_unlisted(),
        json=options.json,
        ascii_only=options.ascii_only,
    )
    _write(report)
    return code


def _write(text: str) -> None:
    if not text:
        return
    if sys.stdout is None:
        raise OSError(errno.EBADF, "closed", "stdout")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # The interpreter's own flush at exit must not meet the closed pipe or the full disk again.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise OSError(error.errno, error.strerror, "stdout") from None


def _has_terminal() -> bool:
    if sys.stdout is None or not sys.stdout.isatty():
        return False
    if os.environ.get("TERM", "") in ("", "dumb"):
        _narrate("this terminal has no cursor that moves (TERM): this is batch output")
        return False
    if sys.stdin is not None and sys.stdin.isatty():
        return True
    _narrate("stdin is no terminal, so there are no keys: this is batch output")
    return False


def _narrate(*lines: str) -> None:
    """All that is said passes here, so that what somebody else named is safe."""
    if sys.stderr is not None:
        sys.stderr.write(f"epolltop: {chr(10).join(map(narrated, lines))}\n")


def _complain(*lines: str, code: int = FAILED) -> int:
    _narrate(*lines)
    return code
