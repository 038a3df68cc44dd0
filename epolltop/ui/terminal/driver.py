"""Textual's driver, which also leaves by Ctrl-C while the screen is busy, and when the terminal is gone."""

from __future__ import annotations

from textual import events
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from epolltop.own_process.leaving import HUNG_UP, Leaving
from epolltop.ui.terminal.private_names import as_known

AT_ONCE = frozenset(("ctrl+c", "ctrl+q"))
"""Keys that leave from anywhere, and that nobody types as text."""
WIDEST, TALLEST = 1200, 400
"""Cells of a screen that are drawn: what an 8K display shows in small letters. A terminal, or COLUMNS, may say any
number, and each cell takes time and memory: a full screen of this size takes about two seconds."""


def leaves_by(leaving: Leaving) -> type[Driver] | None:
    """A driver whose thread that reads keys begins to leave by itself; None: Textual's own must do."""
    if not as_known("driver"):
        return None

    class _Driver(LinuxDriver):
        def process_message(self, message: Message) -> None:
            if isinstance(message, events.Key) and message.key in AT_ONCE:
                leaving.ask(0)
            super().process_message(message)

        def _get_terminal_size(self) -> tuple[int, int]:
            width, height = super()._get_terminal_size()
            return min(width, WIDEST), min(height, TALLEST)

        def run_input_thread(self) -> None:
            try:
                super().run_input_thread()
            except OSError:  # nobody is at the other end of the terminal
                leaving.ask(HUNG_UP)

    return _Driver
