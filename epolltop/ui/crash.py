"""What is left of an error of our own: a file that a person can send, and one line that says where it is."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback

from textual.worker import WorkerFailed

from epolltop import __version__


def report(error: BaseException) -> str:
    """Writes it, readable by its owner only; what happened, in a line."""
    if isinstance(error, WorkerFailed):
        error = error.error  # where it happened; a worker's own traceback says nothing
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    try:
        fd, path = tempfile.mkstemp(prefix="epolltop-report-", suffix=".txt")
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"epolltop {__version__}, Python {platform.python_version()}, Linux {platform.release()}\n\n")
            file.writelines(traceback.format_exception(error))
    except OSError as unwritten:
        return f"an error of its own ended epolltop: {what} (and no report could be written: {unwritten.strerror})"
    return f"an error of its own ended epolltop: {what}; please report it with {path}"
