"""Runs the screen in a terminal that is given back as it was: descriptors, signals, exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING

from epolltop.descriptors import silenced
from epolltop.session import Session
from epolltop.ui.place import Place

if TYPE_CHECKING:
    from epolltop.ui.exports import Exports


def run_ui(
    session: Session,
    start: Place,
    exports: Exports,
    *,
    color: bool,
    theme: str | None,
    readable: Callable[[str], str],
) -> tuple[int, str]:
    """Shows the live screen until the user leaves.

    Args:
        session: not opened yet; it is closed here, after the terminal is back.
        start: what to show first.
        exports: write what is shown.
        color: whether colours may be used.
        theme: of Textual's; None: its own choice.
        readable: applied to every text of a cell; str leaves it as it is.

    Returns:
        Exit code, and what went wrong if anything did.

    Raises:
        Exception: what the session raised before there was anything to show.
    """
    if not color:
        os.environ["NO_COLOR"] = "1"  # Textual reads it when the app is made
    try:
        with _own_terminal() as said:
            sys.setswitchinterval(0.001)  # the session's thread computes; a key waits for it no longer than that
            session.prepare()  # compiling takes as long as importing Textual: both at once
            from epolltop.ui.app import EpolltopApp
            from epolltop.ui.keyboard import read_any_bytes

            read_any_bytes()
            app = EpolltopApp(session, start, exports, readable)
            if theme:
                app.theme = theme
            failure = app.run()
            code = app.return_code or 0
            message = (app.crashed or said()) if code == 1 and not failure else ""
    finally:
        session.close()
    if failure:
        raise failure
    return code, message


@contextlib.contextmanager
def _own_terminal() -> Iterator[Callable[[], str]]:
    """Keeps everybody but Textual from writing to the terminal.

    Textual draws on sys.__stderr__, which may be a file (2>log), and on which libbpf and the compiler write too. So it
    gets a stream of its own on the terminal that stdout is; descriptors 1 and 2 go to a file until the screen is gone.
    It also asks sys.__stdout__ for the size of the terminal.
    """
    with _on_terminal() as terminal, silenced() as said:
        streams = sys.__stdout__, sys.__stderr__
        sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc]
        try:
            yield said
        finally:
            sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]


@contextlib.contextmanager
def _on_terminal() -> Iterator[TextIOWrapper]:
    terminal = open(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    try:
        yield terminal
    finally:
        with contextlib.suppress(OSError):  # it hung up, and takes no more of what was drawn
            terminal.close()
