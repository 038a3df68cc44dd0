"""Textual's App at the terminal: what it paints, and how a crash ends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from textual.app import App, ReturnType
from textual.driver import Driver
from textual.filter import LineFilter

from epolltop.ui.terminal.ascii import ASCII
from epolltop.ui.terminal.crash_report import report, report_rendered
from epolltop.ui.terminal.private_names import as_known


class TerminalApp(App[ReturnType]):
    """Paints fewer bytes than Textual's; ends with one line and a report, not with a traceback over the screen."""

    def __init__(self, driver: type[Driver] | None, *, ascii_only: bool) -> None:
        """Draws nothing yet.

        Args:
            driver: reads keys and writes what is drawn; None: Textual's own.
            ascii_only: whether nothing but ASCII is painted.
        """
        super().__init__(driver_class=driver)
        self._ascii_only = ascii_only
        self.crashed = ""
        """Where the report of an error of our own is, and what it was."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every painted line goes through, Textual's borders and scroll bars too."""
        filters = super().get_line_filters()
        return [*filters, ASCII] if self._ascii_only else filters

    def _display(self, *arguments: Any) -> None:
        if as_known("partial_update"):
            # Here: the module cannot even be imported where the name has gone.
            from epolltop.ui.terminal.partial_update import narrowed

            arguments = tuple(map(narrowed, arguments))
        super()._display(*arguments)

    @property
    def _has_own_end(self) -> bool:
        return as_known("terminal_app")

    def _handle_exception(self, error: Exception) -> None:
        """An error of our own ends the screen: told once, with a file for the report, not as a traceback over it."""
        if self._has_own_end:
            if self._exit:
                return  # it ends already: a page that was about to open finds no place any more
            self.crashed = self.crashed or report(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        if self._has_own_end:
            # Textual's makes a traceback with all that local variables refer to, which takes seconds.
            self._close_messages_no_wait()
        else:
            super()._fatal_error()

    def panic(self, *renderables: RenderableType) -> None:
        """Ends the screen where nobody is left to read keys; told as an error of our own, once."""
        if not self._has_own_end:
            super().panic(*renderables)
            return
        if self._exit:
            return  # it ends already, and the code says why: a hang-up takes the terminal from who reads keys, too
        self.crashed = self.crashed or report_rendered(*renderables)
        self._return_code = 1
        self._close_messages_no_wait()
