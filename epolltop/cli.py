"""From the command line to a front end and an exit code. The only place that prints."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import gc
import io
import os
import signal
import sys
from collections.abc import Awaitable

from epolltop.options import Options, parse_options
from epolltop.output.batch import run_batch
from epolltop.output.doctor import doctor_report
from epolltop.output.export import export, export_screen
from epolltop.output.files import write_whole
from epolltop.output.formats import FORMATS
from epolltop.output.journal import run_events
from epolltop.output.observe import run_snapshot
from epolltop.query.view import EVENTS
from epolltop.session import Session
from epolltop.sources import SourceUnavailable
from epolltop.sources.choose import open_source
from epolltop.text import in_ascii

FAILED, BAD_USAGE, NO_SOURCE, SIGNALLED = 1, 2, 3, 128
_EVENTS_REFRESH_S = 0.1


def main(argv: list[str] | None = None) -> int:
    """Runs epolltop; the exit code."""
    _settle_descriptors()
    # Records do not refer in circles: looking for circles among 100,000 of them is in vain, and takes 0.1 s each time.
    gc.set_threshold(100_000, 50, 100)
    options = parse_options(sys.argv[1:] if argv is None else argv, no_color="NO_COLOR" in os.environ)
    missing = [pid for pid in options.selection.pids if not os.path.exists(f"/proc/{pid}")]
    if options.selection.pids and len(missing) == len(options.selection.pids):
        return _complain(f"there is no process {' or '.join(map(str, sorted(missing)))}", FAILED)
    try:
        return _run(options)
    except SourceUnavailable as error:
        return _complain(f"{error}\n  remedy: {error.remedy}", NO_SOURCE if options.source != "auto" else FAILED)
    except BrokenPipeError:
        return 0  # whoever read us has enough
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED)


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
    open_chosen = functools.partial(
        open_source, options.source, include_self=options.include_self, stacks=options.stacks
    )
    tell_all = options.events or options.view.subject is EVENTS
    session = Session(open_chosen, options.selection, options.delay_s or 1.0, tell_all=tell_all)
    if options.command == "live" and not options.batch and _has_terminal():
        return _ui(session, options)
    return asyncio.run(_headless(session, options))


def _ui(session: Session, options: Options) -> int:
    from epolltop.ui.exports import Exports
    from epolltop.ui.place import Place
    from epolltop.ui.run import run_ui

    readable = in_ascii if options.ascii_only else str
    view = options.view
    label = view.subject.id.capitalize()
    start = Place(view.subject, label, options.filter, view.filter, view.sort, view.reverse, view.rows)
    exports = Exports(
        functools.partial(export, ascii_only=options.ascii_only),
        functools.partial(export_screen, ascii_only=options.ascii_only),
        tuple(FORMATS),
    )
    code, message = run_ui(session, start, exports, color=options.color, readable=readable)
    return _complain(message, code) if message else code


async def _headless(session: Session, options: Options) -> int:
    """Runs a front end that writes lines; a signal stops it cleanly and becomes the exit code."""
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        session.stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        await _front_end(session, options)
    finally:
        session.close()
    return SIGNALLED + received[0] if received else 0


def _front_end(session: Session, options: Options) -> Awaitable[None]:
    if options.command == "snapshot":
        return run_snapshot(
            session,
            options.view,
            options.filter,
            _write if options.output is None else functools.partial(write_whole, options.output),
            seconds=1.0 if options.delay_s is None else options.delay_s,
            format=options.format,
            events=options.events,
            ascii_only=options.ascii_only,
        )
    if options.command == "events":
        session.delay_s = _EVENTS_REFRESH_S
        return run_events(
            session,
            options.view.filter,
            _write,
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
    )


def _doctor(options: Options) -> int:
    from epolltop.sources.bpf.requirements import requirements

    described, why, code = None, "", 0
    needs = requirements()
    try:
        source = open_source(options.source, include_self=options.include_self, stacks=options.stacks)
        described = source.poll({}).source
        source.close()
    except SourceUnavailable as error:
        why, code = f"{error}; remedy: {error.remedy}", NO_SOURCE
    _write(doctor_report(needs, described, why, json=options.json, ascii_only=options.ascii_only))
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
    if sys.stdin is not None and sys.stdin.isatty():
        return True
    _narrate("stdin is no terminal, so there are no keys: this is batch output")
    return False


def _narrate(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"epolltop: {text}\n")


def _complain(text: str, code: int) -> int:
    _narrate(text)
    return code
