"""The state of the main screen and how it is shown: what every command reads and changes.

It shows the present place in the latest snapshot, or in the held one. A thread chooses and sorts rows, so that keys act
while 100,000 rows are sorted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from textual.app import App, ComposeResult

from epolltop.query.mistake import FilterError
from epolltop.query.view import SUBJECTS
from epolltop.session.timeline import Timeline
from epolltop.text.numbers import grouped
from epolltop.ui.exports import Exports
from epolltop.ui.main_panes import Board
from epolltop.ui.state.change_highlight import Glow
from epolltop.ui.state.clock import clock_of
from epolltop.ui.state.look import Looked, look
from epolltop.ui.state.navigation import Place, Trail, root
from epolltop.ui.state.snapshot_history import Ring
from epolltop.ui.widgets.breadcrumbs import Crumbs
from epolltop.ui.widgets.filter_bar import FilterBar
from epolltop.ui.widgets.header import Header
from epolltop.ui.widgets.key_footer import KeyFooter

ORDER_HELD_S = 2.0
"""How long rows keep their order after the cursor moved: a row must not move away while one reaches for it."""
KEY_WAITS_S = 0.5
"""How long a key waits for the result of an earlier one."""


class MainScreen:
    """Commands are functions of it. Of Textual's App they use notifications, pages and workers."""

    def __init__(
        self, app: App[Any], session: Timeline, start: Place, exports: Exports, readable: Callable[[str], str]
    ) -> None:
        """Nothing is shown yet.

        Args:
            app: shows the widgets of `compose`.
            session: what is observed or replayed.
            start: what to show first.
            exports: write what is shown.
            readable: applied to every text of a cell; str leaves it as it is.
        """
        self.app, self.session, self.exports, self.readable = app, session, exports, readable
        self.ring = Ring()
        self.clock = clock_of(session, self.ring)
        self.trail = Trail((start,))
        self.roots = {subject.id: root(subject) for subject in SUBJECTS.values()} | {start.subject.id: start}
        """By subject: the view of all its rows, as it was left."""
        self.glow = Glow(start.subject.key)
        self.trouble = ""
        """Why there are no new snapshots; empty: there are."""
        self.is_exporting = False
        self._looked: Looked | None = None
        self._is_stale = False
        self._settled = asyncio.Event()
        self._settled.set()
        self._header = Header(readable, id="header")
        self._crumbs = Crumbs(readable, id="crumbs")
        self.board = Board(readable)
        self.filter_bar = FilterBar(self.apply_filter, id="filterbar")

    def compose(self) -> ComposeResult:
        """From the general to the particular."""
        yield self._header
        yield self._crumbs
        yield self.board
        yield self.filter_bar
        yield KeyFooter(id="footer", show_command_palette=False)

    @property
    def ascii_only(self) -> bool:
        """Whether the terminal shows nothing but ASCII."""
        return self.readable is not str

    @property
    def is_gone(self) -> bool:
        """Whether the screen is being taken down: messages still arrive then, and find no widgets."""
        return not {"header", "board", "footer"} <= {child.id for child in self.app.default_screen.children}

    @property
    def is_in_front(self) -> bool:
        """Whether no page and no dialog is shown over it."""
        return self.app.screen is self.app.default_screen

    # Where one is.

    def go(self, trail: Trail) -> None:
        """Navigates to another place."""
        if trail.here.subject.rows is not self.trail.here.subject.rows:
            self.glow = Glow(trail.here.subject.key)
        self.trail = trail
        self.app.refresh_bindings()
        self.draw()

    def move_to(self, place: Place) -> None:
        """Shows the same subject in another way."""
        self.go(self.trail.at(place))

    def apply_filter(self, text: str) -> FilterError | None:
        """Shows the rows that match; or what is wrong with the text."""
        try:
            place = self.trail.here.filtered(text)
        except FilterError as error:
            return error
        self.move_to(place)
        return None

    def jump(self) -> None:
        """Marks a jump in time: no row is new or gone because of it."""
        self.glow = Glow(self.trail.here.subject.key)
        self.draw()

    # What is shown.

    def draw(self) -> None:
        """Looks again and shows the result soon, the header together with its rows."""
        self._is_stale = True
        if self._settled.is_set():
            self._settled.clear()
            self.app.run_worker(self._look())

    @property
    def is_settled(self) -> bool:
        """Whether the screen shows what was requested."""
        return self._settled.is_set()

    async def there(self) -> None:
        """Until the rows on screen are those of the place, or until a key has waited long enough for them."""
        if self._looked is not None and not self._looked.place.shows_rows_of(self.trail.here):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._settled.wait(), KEY_WAITS_S)

    async def _look(self) -> None:
        """The last request wins: a request that arrives while rows are sorted is handled next."""
        try:
            while self._is_stale:
                self._is_stale = False
                snapshot, trail = self.ring.shown, self.trail
                if snapshot is None:
                    self.draw_header()
                    continue
                order, is_held = self._order(trail.here), self.ring.held is not None
                looked = await asyncio.to_thread(look, trail.here, snapshot, self.glow, order, is_held=is_held)
                if self.is_gone:
                    return
                # A later one is looked at next; if rows take longer than a refresh there would always be a later one.
                is_live = not is_held and self.ring.held is None
                if trail is self.trail and (is_live or snapshot is self.ring.shown):
                    self._take(looked)
        finally:
            self._settled.set()

    def _order(self, place: Place) -> Sequence[Any] | None:
        """The rows whose order is to be kept, if it is."""
        looked = self._looked
        if looked is None or looked.place != place or place.subject.ordered:
            return None
        return looked.rows if monotonic() - self.board.main.moved_at < ORDER_HELD_S else None

    def _take(self, looked: Looked) -> None:
        self._looked = looked
        self.draw_header()
        self.board.show(looked.place, looked.snapshot, looked.rows, looked.glow, _why_empty(looked))
        self.measure()
        self.draw_crumbs()

    def measure(self) -> None:
        """Has the session measure what is on screen."""
        if not self.is_gone:
            self.session.focus, self.session.shown = self.board.measured, self.board.shown
            self.session.asked = self.board.asked + (self._looked.asked if self._looked else ())

    def draw_header(self) -> None:
        """Draws the lines above the tables."""
        looked = self._looked
        place, shown = (looked.place, looked.snapshot) if looked else (self.trail.here, self.ring.shown)
        banner = self.trouble or self.clock.banner()
        self._header.describe(shown, banner, self.clock.pace(), place.filter_text)

    def draw_crumbs(self) -> None:
        """Draws where we are."""
        looked, main = self._looked, self.board.main
        if looked is None:
            return
        badges = []
        if main.marked:
            badges.append(f"{grouped(len(main.marked))} marked")
        if main.follow:
            badges.append("following")
        if looked.order_held:
            badges.append("order held")
        if looked.missing:
            badges.append(looked.missing)
        self._crumbs.describe(self.trail, len(looked.rows), looked.of, badges)

    def redraw(self) -> None:
        """Draws the whole screen again, with the columns that are useful now."""
        if self.ring.shown is not None:
            self.board.choose_columns()
        self.app.refresh(layout=True)


def _why_empty(looked: Looked) -> str:
    said = _no_rows(looked)
    return said if looked.place.instance or not looked.missing else f"{said} So far, {looked.missing}."


def _no_rows(looked: Looked) -> str:
    place, snapshot = looked.place, looked.snapshot
    if looked.of:
        all_of_them = f"{grouped(looked.of)} {place.subject.id}"
        return f"None of {all_of_them} matches the filter {place.filter_text!r}. Esc clears it."
    if place.process and not place.instance:
        return f"{place.label} holds no instance now."
    return place.subject.empty(snapshot)
