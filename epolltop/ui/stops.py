"""Goes on after a stop that no handler sees coming: SIGSTOP, as from kill -STOP.

Textual knows Ctrl+Z, where it leaves the terminal before it stops. Its handler of SIGCONT enters the terminal again:
without having left it, a second thread reads keys, quitting waits for the first one for ever, and the terminal would be
given back as the screen needs it.
"""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import Any

from textual.app import App


def survive_stops(app: App[Any]) -> None:
    """Takes over from the handlers that the driver of a running app has set; none are set without a terminal."""
    stop, go_on = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if not (callable(stop) and callable(go_on)):
        return
    left = False
    loop = asyncio.get_running_loop()

    def stops(number: int, frame: FrameType | None) -> None:
        nonlocal left
        left = True
        stop(number, frame)

    def goes_on(number: int, frame: FrameType | None) -> None:
        nonlocal left
        if left:
            left = False
            go_on(number, frame)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_enter_again, app)

    signal.signal(signal.SIGTSTP, stops)
    signal.signal(signal.SIGCONT, goes_on)


def _enter_again(app: App[Any]) -> None:
    """Whatever somebody, such as a shell, did to the terminal meanwhile."""
    with app.suspend():
        pass
