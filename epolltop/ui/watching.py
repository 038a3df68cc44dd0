"""The screen without its keys: awaits snapshots and shows the place one is at, of the latest or of the one held.

Rows are chosen and sorted in a thread, so that a key is answered while 100,000 of them are.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Sequence
from time import monotonic
from typing import Any, NamedTuple

from rich.console import RenderableType
from textual import on, work
from textual.app import App, ComposeResult
from textual.driver import Driver
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer

from epolltop.model.snapshot import Snapshot
from epolltop.query.mistake import FilterError
from epolltop.query.view import EVENTS, arranged
from epolltop.session.observation import Outage, Session
from epolltop.text.numbers import grouped
from epolltop.ui.main_panes import Board, nothing_yet
from epolltop.ui.state.change_highlight import Glow
from epolltop.ui.state.clock import clock_of
from epolltop.ui.state.navigation import Place, Trail
from epolltop.ui.state.snapshot_history import Ring
from epolltop.ui.table.table import VirtualTable
from epolltop.ui.terminal.ascii import ASCII
from epolltop.ui.terminal.crash_report import report, report_rendered
from epolltop.ui.terminal.partial_update import narrowed
from epolltop.ui.widgets.breadcrumbs import Crumbs
from epolltop.ui.widgets.filter_bar import FilterBar
from epolltop.ui.widgets.header import Header

WORKS_S = 0.5
"""After so long it is said that work is under way."""
ORDER_HELD_S = 2.0
"""How long rows keep their order after the cursor moved: what one reaches for must not run away."""


KEY_WAITS_S = 0.5
"""So long a key waits for what an earlier one asked for; then that comes when it comes."""


class Looked(NamedTuple):
    """What a look at a place gave."""

    place: Place
    snapshot: Snapshot
    rows: Sequence[Any]
    glow: Glow
    """What is new among them, and what is gone."""
    of: int
    """Rows there are without the filter."""
    order_held: bool


class Watching(App[Exception]):
    """Its result is why there was nothing to show, or None after an ordinary end."""

    TITLE = "epolltop"
    CSS_PATH = "epolltop.tcss"
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
        session: Session,
        start: Place,
        readable: Callable[[str], str] = str,
        driver: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver)
        self.session, self.readable = session, readable
        self.ring = Ring()
        self.clock = clock_of(session, self.ring)
        self.trail = Trail((start,))
        self.crashed = ""
        """Where the report of an error of our own is, and what it was."""
        self._trouble = ""
        self._glow = Glow(start.subject.key)
        self._looked: Looked | None = None
        self._stale = False
        self._settled = asyncio.Event()
        self._settled.set()

    def compose(self) -> ComposeResult:
        """From the general to the particular."""
        yield Header(self.readable, id="header")
        yield Crumbs(self.readable, id="crumbs")
        yield Board(self.readable)
        yield FilterBar(self.apply_filter, id="filterbar")
        yield Footer(id="footer", show_command_palette=False)

    def on_mount(self) -> None:
        """Starts observing."""
        self.board.main.empty = "Attaching probes and looking for instances that exist already."
        self.board.focus_main()
        self.draw_header()
        self.set_interval(WORKS_S, self._tell_of_work)
        self._observe()

    def _tell_of_work(self) -> None:
        """A time that takes long to reach is no reason to believe that nothing happens."""
        if self.clock.works and not self.is_gone():
            self.draw_header()

    def on_resize(self) -> None:
        """A short screen has a short header."""
        if not self.is_gone():
            self.draw_header()
            self.draw_crumbs()

    def apply_filter(self, text: str) -> FilterError | None:
        """Shows the rows that match; or what is wrong with the text."""
        try:
            place = self.trail.here.filtered(text)
        except FilterError as error:
            return error
        self.move_to(place)
        return None

    def leave(self, code: int) -> None:
        """Ends the screen with that exit code."""
        self.exit(return_code=code)

    @property
    def board(self) -> Board:
        """The tables."""
        return self.query_one(Board)

    # What arrives.

    @work
    async def _observe(self) -> None:
        """The one worker: awaits what the session's thread makes of the perf buffer."""
        self.session.on_outage = self._tell_outage
        try:
            self.post_message(self.Arrived(await self.session.open()))
            async for snapshot in self.session.ticks():
                self.post_message(self.Arrived(snapshot))
        except Exception as error:
            if self.ring.latest is None:
                self.exit(error, return_code=1)
            else:
                self._trouble = f"STOPPED: {type(error).__name__}: {error}"
                self.draw_header()

    def _tell_outage(self, outage: Outage | None) -> None:
        self._trouble = "" if outage is None else f"NOT READ: {outage}"
        if not self.is_gone():
            self.draw_header()

    def on_watching_arrived(self, message: Arrived) -> None:
        """The latest, which is shown unless another one is held."""
        self.ring.add(message.snapshot)
        if self.is_gone():
            return
        self.draw_header()
        if self.ring.held is None:
            self.draw()

    def is_gone(self) -> bool:
        """Whether the screen is being taken down: messages still arrive then, and find no widgets."""
        return not {"header", "board", "footer"} <= {child.id for child in self.default_screen.children}

    # What is shown.

    def draw(self) -> None:
        """Looks again and shows what there is, soon."""
        self._stale = True
        if self._settled.is_set():
            self._settled.clear()
            self._look()

    @property
    def is_settled(self) -> bool:
        """Whether what is on screen is what was asked for."""
        return self._settled.is_set()

    async def there(self) -> None:
        """Until the rows on screen are those of the place, or until a key has waited long enough for them."""
        if self._looked is not None and not self._looked.place.shows_rows_of(self.trail.here):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._settled.wait(), KEY_WAITS_S)

    @work
    async def _look(self) -> None:
        """The last wish wins: what was wished for while rows were sorted is looked at next."""
        try:
            while self._stale:
                self._stale = False
                snapshot, trail = self.ring.shown, self.trail
                if snapshot is None:
                    continue
                looked = await asyncio.to_thread(self._rows, trail.here, snapshot, self._glow, self._order(trail.here))
                if self.is_gone():
                    return
                if trail is self.trail and snapshot is self.ring.shown:
                    self._take(looked)
        finally:
            self._settled.set()

    def _order(self, place: Place) -> Sequence[Any] | None:
        """The rows whose order is to be kept, if it is."""
        looked = self._looked
        if looked is None or looked.place != place or place.subject.id == EVENTS.id:
            return None
        return looked.rows if monotonic() - self.board.main.moved_at < ORDER_HELD_S else None

    def _rows(self, place: Place, snapshot: Snapshot, glow: Glow, order: Sequence[Any] | None) -> Looked:
        everything = place.subject.rows(snapshot)
        if self.ring.held is None and place.subject.id != EVENTS.id:
            glow.update(everything, snapshot.now_ns)
        gone = glow.gone
        rows = arranged([*everything, *gone] if gone else everything, snapshot, place.view)
        if order is not None:
            rows = steady(rows, order, place.subject.key)
        return Looked(place, snapshot, rows, glow, len(everything) + len(gone), order is not None)

    def _take(self, looked: Looked) -> None:
        self._looked = looked
        self.draw_header()
        self.board.show(looked.place, looked.snapshot, looked.rows, looked.glow, self._why_empty(looked))
        self._measure()
        self.draw_crumbs()

    @on(VirtualTable.RowHighlighted)
    def _measure(self) -> None:
        if not self.is_gone():
            self.session.focus, self.session.shown = self.board.measured, self.board.shown

    def go(self, trail: Trail) -> None:
        """Shows another place."""
        if trail.here.subject.rows is not self.trail.here.subject.rows:
            self._glow = Glow(trail.here.subject.key)
        self.trail = trail
        self.refresh_bindings()
        self.draw_header()
        self.draw()

    def move_to(self, place: Place) -> None:
        """Shows the same subject in another way."""
        self.go(self.trail.at(place))

    def jump(self) -> None:
        """Time did not pass as usual: nothing is new or gone for that."""
        self._glow = Glow(self.trail.here.subject.key)
        self.draw_header()
        self.draw()

    def draw_header(self) -> None:
        """Draws the lines above the tables."""
        place = self._looked.place if self._looked else self.trail.here
        self.query_one(Header).describe(
            self.ring.shown, self._trouble or self.clock.banner(), self.clock.pace(), place.filter_text
        )

    def draw_crumbs(self) -> None:
        """Draws where we are."""
        looked = self._looked
        if looked is not None:
            main = self.board.main
            marked = (f"{grouped(len(main.marked))} marked",) if main.marked else ()
            badges = (*marked, *("following",) * main.follow, *("order held",) * looked.order_held)
            self.query_one(Crumbs).describe(self.trail, len(looked.rows), looked.of, badges)

    def _why_empty(self, looked: Looked) -> str:
        place, snapshot = looked.place, looked.snapshot
        if looked.of:
            all_of_them = f"{grouped(looked.of)} {place.subject.id}"
            return f"None of {all_of_them} matches the filter {place.filter_text!r}. Esc clears it."
        if place.instance:
            return "The journal has nothing about this instance: its creation was not seen or is too long ago."
        if place.process:
            return f"{place.label} holds no instance now."
        if place.subject.id == EVENTS.id:
            return nothing_yet(snapshot)
        if unread := snapshot.source.unreadable:
            known = "None of the processes that could be read holds an epoll instance"
            return f"{known}; {grouped(unread)} could not be read."
        return "No process holds an epoll instance."

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every painted line goes through, Textual's borders and scroll bars too."""
        filters = super().get_line_filters()
        return filters if self.readable is str else [*filters, ASCII]

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, narrowed(renderable))

    def _handle_exception(self, error: Exception) -> None:
        """An error of our own ends the screen: told once, with a file for the report, not as a traceback over it."""
        if self._exit:
            return  # it ends already: a page that was about to open finds no place any more
        self.crashed = self.crashed or report(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # Textual's makes a traceback with all that local variables refer to, which takes seconds.
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """Ends the screen where nobody is left to read keys; told as an error of our own, once."""
        if self._exit:
            return  # it ends already, and the code says why: a hang-up takes the terminal from who reads keys, too
        self.crashed = self.crashed or report_rendered(*renderables)
        self._return_code = 1
        self._close_messages_no_wait()


def steady(rows: Sequence[Any], order: Sequence[Any], key: Callable[[Any], Hashable]) -> Sequence[Any]:
    """Rows in the order of earlier ones, those that were not there at the end."""
    if len(rows) == len(order) and all(
        now is was or key(now) == key(was) for now, was in zip(rows, order, strict=True)
    ):
        return rows
    places = {key(row): at for at, row in enumerate(order)}
    return sorted(rows, key=lambda row: places.get(key(row), len(places)))
