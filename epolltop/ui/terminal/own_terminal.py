"""The terminal for Textual alone, while the screen is shown."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from epolltop.own_process.descriptors import silenced
from epolltop.own_process.leaving import Leaving
from epolltop.ui.terminal.private_names import as_known
from epolltop.ui.terminal.stream import Terminal


@contextlib.contextmanager
def own_terminal(leaving: Leaving) -> Iterator[tuple[Terminal, Callable[[], str]]]:
    """Keeps everything but Textual from writing to the terminal; yields the terminal, and the text of others.

    Textual draws on sys.__stderr__, which may be a file (2>log), and on which libbpf and the compiler write too. So it
    gets a stream of its own on the terminal that stdout is; descriptors 1 and 2 go to a file until the screen is gone.
    It also asks sys.__stdout__ for the size of the terminal. Where it draws on something else, nothing is redirected.
    """
    terminal = Terminal()
    leaving.hand_back(terminal.give_back)
    if not as_known("own_terminal"):
        yield terminal, str
        return
    streams = sys.__stdout__, sys.__stderr__
    with silenced() as said:
        sys.__stdout__ = sys.__stderr__ = terminal  # type: ignore[misc, assignment]
        try:
            yield terminal, said
        finally:
            sys.__stdout__, sys.__stderr__ = streams  # type: ignore[misc]
            if terminal.is_stalled:
                terminal.give_back()
            terminal.close_screen()
