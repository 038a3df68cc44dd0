"""Stops and continues as the kernel would, with the terminal given back meanwhile.

Textual stops itself once the terminal is given back, some 50 ms later, whatever became of the stop by then: a SIGCONT
in between is lost, and nobody sends another one. Its handler of SIGCONT enters the terminal again, also after SIGSTOP,
of which no handler knows: without having left it, a second thread reads keys, quitting waits for ever for the first
one, and the terminal would be given back as the screen needs it.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType
from typing import Any

from textual.app import App

from epolltop.ui.terminal.private_names import as_known

_STOP = frozenset((signal.SIGTSTP,))


def survive_stops(app: App[Any]) -> None:
    """Takes over from the handlers that the driver of a running app has set; none are set without a terminal."""
    are_set = all(callable(signal.getsignal(number)) for number in (signal.SIGTSTP, signal.SIGCONT))
    if not (are_set and as_known("suspend")):
        return
    loop = asyncio.get_running_loop()
    stopping = entering = False

    def stops(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        # With a SIGCONT at the same time nobody knows which was first. Who is not stopped can be stopped again.
        if stopping or entering or loop.is_closed():
            return
        stopping = True
        # It waits in the kernel, which drops it when SIGCONT comes.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
        loop.call_soon_threadsafe(stop)

    def stop() -> None:
        nonlocal stopping
        with app.suspend():
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)  # stopped here, if at all
            signal.signal(signal.SIGTSTP, stops)
            stopping = False

    def goes_on(number: int, frame: FrameType | None) -> None:
        nonlocal entering
        if not (stopping or entering or loop.is_closed()):
            entering = True
            loop.call_soon_threadsafe(enter_again)

    def enter_again() -> None:
        """Restores the terminal, whatever a shell did to it meanwhile."""
        nonlocal entering
        entering = False
        with app.suspend():
            pass

    signal.signal(signal.SIGTSTP, stops)
    signal.signal(signal.SIGCONT, goes_on)
