"""The App: its widgets and messages, how it begins and ends. `epolltop.ui.commands` has the functions of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen

from epolltop.model.snapshot import Snapshot
from epolltop.session.outage import Outage
from epolltop.session.timeline import Timeline
from epolltop.ui import commands, key_order
from epolltop.ui.commands import marking, navigate, sorting
from epolltop.ui.exports import Exports
from epolltop.ui.keys import KEYS, in_app
from epolltop.ui.main_screen import MainScreen
from epolltop.ui.state.navigation import Place
from epolltop.ui.table.virtual_table import VirtualTable
from epolltop.ui.terminal.suspend import survive_stops
from epolltop.ui.terminal.terminal_app import TerminalApp

WORKS_S = 0.5
"""After this time a message says that work is under way."""


class EpolltopApp(TerminalApp[Exception]):
    """The live screen. Its result is the reason why there was nothing to show, or None after an ordinary end."""

    TITLE = "epolltop"
    CSS_PATH = "epolltop.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*in_app()]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  declared so by App
        (0, "-narrow"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  declared so by App
        (0, "-shortest"),
        (16, "-short"),
        (24, "-tall"),
    ]

    class Arrived(Message):
        """The session has a new snapshot."""

        def __init__(self, snapshot: Snapshot) -> None:
            super().__init__()
            self.snapshot = snapshot

    def __init__(
        self,
        session: Timeline,
        start: Place,
        exports: Exports,
        readable: Callable[[str], str] = str,
        driver: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver, ascii_only=readable is not str)
        self.main_screen = MainScreen(self, session, start, exports, readable)

    def compose(self) -> ComposeResult:
        """The main screen; pages and dialogs come over it."""
        yield from self.main_screen.compose()

    # How it begins and ends.

    def on_mount(self) -> None:
        """Starts observing."""
        screen = self.main_screen
        screen.board.main.empty = "Attaching probes and looking for instances that exist already."
        screen.board.focus_main()
        screen.draw_header()
        self.set_interval(WORKS_S, self._tell_of_work)
        self.app_resume_signal.subscribe(self, lambda _: screen.redraw())  # the shell has drawn over it
        survive_stops(self)
        self._observe()

    @work
    async def _observe(self) -> None:
        """The one worker: awaits snapshots from the session's thread."""
        screen = self.main_screen
        screen.session.on_outage = self._tell_outage
        try:
            self.post_message(self.Arrived(await screen.session.open()))
            async for snapshot in screen.session.ticks():
                self.post_message(self.Arrived(snapshot))
        except Exception as error:
            if screen.ring.latest is None:
                self.exit(error, return_code=1)
            else:
                screen.trouble = f"STOPPED: {type(error).__name__}: {error}"
                screen.draw_header()

    def leave(self, code: int) -> None:
        """Ends the screen with that exit code."""
        self.exit(return_code=code)

    # What arrives.

    def on_epolltop_app_arrived(self, message: Arrived) -> None:
        """Takes the latest snapshot, which is shown unless another one is held."""
        screen = self.main_screen
        screen.ring.add(message.snapshot)
        if screen.is_gone:
            return
        if screen.ring.held is None:
            screen.draw()
        else:
            screen.draw_header()  # its banner tells of now

    def _tell_outage(self, outage: Outage | None) -> None:
        self.main_screen.trouble = "" if outage is None else f"NOT READ: {outage}"
        if not self.main_screen.is_gone:
            self.main_screen.draw_header()

    def _tell_of_work(self) -> None:
        """Says that a jump to another time is under way if it takes long."""
        if self.main_screen.clock.works and not self.main_screen.is_gone:
            self.main_screen.draw_header()

    def on_resize(self) -> None:
        """A short screen has a short header."""
        if not self.main_screen.is_gone:
            self.main_screen.draw_header()
            self.main_screen.draw_crumbs()

    async def on_event(self, event: events.Event) -> None:
        """Keys act in the order in which they were typed."""
        typed = key_order.typed(event)
        if typed is not None and await key_order.take(self.main_screen, typed):
            self.app_focus = True  # what types has the focus, as Textual has it with the keys it handles
            return
        await super().on_event(typed or event)

    def on_mouse_down(self) -> None:
        """A click elsewhere ends typing."""
        if not self.main_screen.filter_bar.has_focus_within:
            self.main_screen.filter_bar.close()

    @on(VirtualTable.RowHighlighted)
    def _another_row(self) -> None:
        self.main_screen.measure()

    @on(VirtualTable.RowActivated)
    def _clicked_twice(self, message: VirtualTable.RowActivated) -> None:
        navigate.drill(self.main_screen, message.row)

    @on(VirtualTable.RowLost)
    def _lost(self) -> None:
        marking.tell_lost(self.main_screen)

    @on(VirtualTable.HeaderClicked)
    def _clicked_title(self, message: VirtualTable.HeaderClicked) -> None:
        if message.table is self.main_screen.board.main:
            sorting.by_column(self.main_screen, message.column_id)

    # What keys and the palette ask for.

    async def action_command(self, name: str, *arguments: Any) -> None:
        """Runs a command; see `epolltop.ui.keys`."""
        await commands.run(self.main_screen, name, *arguments)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key does something here."""
        return commands.is_offered(self.main_screen, str(parameters[0])) if action == "command" else True

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every key's command by name, and the themes."""
        for key in KEYS:
            if key.command != "command_palette":
                yield SystemCommand(f"{key.label} ({key.shown.split()[0]})", key.help, self._runner(key.action))
        themes = "Choose colours; ansi-dark and ansi-light are the terminal's own."
        yield SystemCommand("Theme", themes, self.search_themes)

    def _runner(self, action: str) -> Callable[[], Any]:
        return lambda: self.call_later(self.run_action, action)
