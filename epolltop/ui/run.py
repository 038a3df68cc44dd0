"""Runs the screen in a terminal that is given back as it was: descriptors, signals, exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from epolltop.own_process.least_rights import front_end
from epolltop.own_process.leaving import Leaving
from epolltop.session.timeline import Timeline
from epolltop.ui.state.navigation import Place
from epolltop.ui.terminal.own_terminal import own_terminal
from epolltop.ui.terminal.stream import Terminal

if TYPE_CHECKING:
    from epolltop.ui.app import EpolltopApp
    from epolltop.ui.exports import Exports


def run_ui(
    session: Timeline,
    start: Place,
    exports: Exports,
    leaving: Leaving,
    *,
    color: bool,
    theme: str | None,
    readable: Callable[[str], str],
) -> tuple[int, str]:
    """Shows the live screen until the user leaves.

    Args:
        session: not opened yet.
        start: what to show first.
        exports: write what is shown.
        leaving: ends the screen.
        color: whether colours may be used.
        theme: of Textual's; None: its own choice.
        readable: applied to every text of a cell; str leaves it as it is.

    Returns:
        Exit code, and the error if there was one.

    Raises:
        Exception: what the session raised before there was anything to show.
    """
    leaving.interrupted = 0
    leaving.watch(0)
    if not color:
        os.environ["NO_COLOR"] = "1"  # Textual reads it when the app is made
    with own_terminal(leaving) as (terminal, said):
        sys.setswitchinterval(0.001)  # the session's thread computes; a key waits for it no longer than that
        session.prepare()  # compiling takes as long as importing Textual: both at once
        front_end()
        from epolltop.ui.app import EpolltopApp
        from epolltop.ui.terminal.decoding import read_any_bytes
        from epolltop.ui.terminal.driver import leaves_by

        read_any_bytes()
        app = EpolltopApp(session, start, exports, readable, leaves_by(leaving))
        if theme:
            app.theme = theme
        failure = asyncio.run(_shown(app, leaving, terminal))
        code = app.return_code or 0
        message = (app.crashed or said()) if code == 1 and not failure else ""
    if failure:
        raise failure
    return code, message


async def _shown(app: EpolltopApp, leaving: Leaving, terminal: Terminal) -> Exception | None:
    loop = asyncio.get_running_loop()

    def draw_anew() -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: the screen has ended
            loop.call_soon_threadsafe(app.main_screen.redraw)

    terminal.takes_again = draw_anew
    leaving.tell(lambda code: loop.call_soon_threadsafe(app.leave, code))
    failure = await app.run_async()
    leaving.ask(app.return_code or 0)  # threads may still sort rows
    return failure
