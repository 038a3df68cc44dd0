"""Crash reports: a file that a person can send, and one line that names it."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Iterable

from rich.console import Console, RenderableType
from textual.worker import WorkerFailed

from epolltop import __version__
from epolltop.own_process.invoker import rights


def report(error: BaseException) -> str:
    """Writes a report that only the user of this run can read; returns a line about the crash."""
    if isinstance(error, WorkerFailed):
        error = error.error  # where it happened; a worker's own traceback says nothing
    return _write(f"{type(error).__name__}: {error}".splitlines()[0], traceback.format_exception(error))


def report_rendered(*renderables: RenderableType) -> str:
    """The same of what is only to be had as Textual draws it; its last line, as in a traceback, says what happened."""
    plain = Console(color_system=None, force_terminal=False, width=100)
    with plain.capture() as drawn:
        plain.print(*renderables)
    text = drawn.get().rstrip()
    return _write(text.rpartition("\n")[2], [text, "\n"])


def _write(what: str, lines: Iterable[str]) -> str:
    try:
        with rights():
            fd, path = tempfile.mkstemp(prefix="epolltop-report-", suffix=".txt")
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"epolltop {__version__}, Python {platform.python_version()}, Linux {platform.release()}\n\n")
            file.writelines(lines)
    except OSError as unwritten:
        return f"epolltop crashed: {what} (and no report could be written: {unwritten.strerror})"
    return f"epolltop crashed: {what}; please report it with {path}"
