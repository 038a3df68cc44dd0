"""What keys do: questions to what is shown, one action each (`epolltop.ui.keys`)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.screen import Screen

from epolltop.query.field import Value
from epolltop.query.fields import INSTANCE_FIELDS, Field, InstanceOf, lookup
from epolltop.query.headline import notes
from epolltop.query.mistake import FilterError
from epolltop.query.view import SUBJECTS
from epolltop.session.observation import Session
from epolltop.ui.clipboard import Clip, clip_row, clip_rows
from epolltop.ui.dialogs.help import Help
from epolltop.ui.dialogs.manual import Manual
from epolltop.ui.dialogs.picker import Choice, Picker, Question
from epolltop.ui.dialogs.whole_row import Whole, whole
from epolltop.ui.exports import Exports, Halted
from epolltop.ui.keys import KEYS, in_app
from epolltop.ui.main_panes import Board
from epolltop.ui.state.navigation import Place, Trail, root
from epolltop.ui.table.table import VirtualTable
from epolltop.ui.terminal.suspend import survive_stops
from epolltop.ui.typist import Typist
from epolltop.ui.watching import KEY_WAITS_S
from epolltop.ui.widgets.filter_bar import FilterBar

_SCREEN = "svg"
_LATE_S = 0.5
"""An export that takes longer is announced."""


class EpolltopApp(Typist):
    """The live screen."""

    BINDINGS: ClassVar[list[BindingType]] = [*in_app()]

    def __init__(
        self,
        session: Session,
        start: Place,
        exports: Exports,
        readable: Callable[[str], str] = str,
        driver: type[Driver] | None = None,
    ) -> None:
        super().__init__(session, start, readable, driver)
        self._exports = exports
        self._exporting = False
        self._roots = {subject.id: root(subject) for subject in SUBJECTS.values()} | {start.subject.id: start}

    def on_mount(self) -> None:
        """After a stop the terminal shows something else."""
        # Textual calls the handler of Watching, too.
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        survive_stops(self)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every key's action by name, and the themes."""
        for key in KEYS:
            if key.action != "command_palette":
                yield SystemCommand(f"{key.label} ({key.shown.split()[0]})", key.help, self._runner(key.action))
        themes = "Choose colours; ansi-dark and ansi-light are the terminal's own."
        yield SystemCommand("Theme", themes, self.search_themes)

    def _runner(self, action: str) -> Callable[[], Any]:
        return lambda: self.call_later(self.run_action, action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """At the root there is no way back; where a filter is typed, and in dialogs, no other one is opened."""
        if action == "back":
            zoomed = any(board.is_zoomed for board in self.query(Board))
            return zoomed or not self.trail.is_root or bool(self.trail.here.filter_text)
        if action == "filter":
            return self.screen is self.default_screen and not self.is_filtering
        return True

    # Where.

    def action_view(self, number: int) -> None:
        """All rows of a subject, as one left it; a filter comes along where its rows have these fields, too."""
        left = self.trail.places[0]
        if self.trail.is_root and self.board.main.sticks_to_row:
            left = replace(left, cursor=self.board.main.cursor_key)
        self._roots[left.subject.id] = left
        self.board.zoom(False)
        place = self._roots[list(SUBJECTS)[number - 1]]
        if left.filter_text and left.subject is not place.subject:
            try:
                place = place.filtered(left.filter_text)
            except FilterError as error:
                self.notify(f"The filter stays behind: {error.message}", severity="warning", markup=False)
        self.go(Trail((place,)))

    def action_open(self) -> None:
        """Goes to what the row under the cursor is about."""
        table = self.screen.focused or self.board.main
        if isinstance(table, VirtualTable) and table.cursor_row is not None:
            self._drill(table.cursor_row)

    @on(VirtualTable.RowActivated)
    def _clicked_twice(self, message: VirtualTable.RowActivated) -> None:
        self._drill(message.row)

    def _drill(self, row: Any) -> None:
        left = self.trail.at(replace(self.trail.here, cursor=self.board.main.cursor_key))
        deeper = left.into(row)
        if deeper is left:
            self.board.zoom(not self.board.is_zoomed)
        else:
            self.go(deeper)

    async def action_back(self) -> None:
        """One step, never out of the program."""
        here = self.trail.here
        if self.board.is_zoomed:
            self.board.zoom(False)
        elif here.filter_text:
            self.move_to(here.filtered(""))
        else:
            self.action_up()

    def action_up(self) -> None:
        """Go back one level."""
        self.board.zoom(False)
        self.go(self.trail.back())

    def action_row(self, rows: int) -> None:
        """Moves the main table's cursor from wherever one is."""
        self.board.main.action_move(rows)

    def action_raw(self) -> None:
        """Story or fields."""
        self.board.raw = not self.board.raw
        self.board.describe()

    async def action_whole(self) -> None:
        """The selected row, uncut."""
        row, snapshot = self.board.selected, self.ring.shown
        if row is None or snapshot is None:
            self.notify("No row is selected.", severity="warning")
            return
        fields = INSTANCE_FIELDS if isinstance(row, InstanceOf) else self.board.fields_of(row)  # its holder's, too
        await self.push_screen(Whole(whole(row, fields, snapshot), self.readable))

    async def action_manual(self) -> None:
        """The page of the selected kind of event."""
        await self.push_screen(Manual(self.board.event_name, self.readable))

    # What.

    def action_filter(self) -> None:
        """Opens the filter bar."""
        self.query_one(FilterBar).open(self.trail.here.filter_text)

    def action_filter_cell(self, negate: bool) -> None:
        """Filters by the cell under the cursor, as text that can be changed."""
        here, table = self.trail.here, self.board.main
        row = table.cursor_row
        if row is None:
            return
        field = lookup(here.subject.fields, table.cursor_column or here.view.field.id)
        self._add_filter(field, row, negate=negate)

    def _add_filter(self, field: Field[Any], row: Any, *, negate: bool) -> None:
        snapshot = self.ring.shown
        if snapshot is None:
            return
        self._narrow(field, field.value(row, snapshot), negate=negate)

    def _narrow(self, field: Field[Any], value: Value, *, negate: bool) -> None:
        try:
            self.move_to(self.trail.here.narrowed(field, value, negate=negate))
        except FilterError as error:
            self.notify(f"Not filtered: {error.message}", severity="warning", markup=False)

    async def action_pick(self, field_id: str) -> None:
        """Chooses one of the values that rows have."""
        here, snapshot = self.trail.here, self.ring.shown
        field = next((field for field in here.subject.fields if field.id == field_id), None)
        if field is None or snapshot is None:
            said = f"{here.subject.id} have no {field_id}." if snapshot else "There is nothing to choose from yet."
            self.notify(said, severity="warning")
            return
        found = {field.value(row, snapshot) for row in here.subject.rows(snapshot)} - {None}

        def chosen(value: str | None) -> None:
            if value is not None:
                self._narrow(field, value, negate=False)

        choices = [Choice(str(value), str(value)) for value in sorted(found, key=str)]
        await self.push_screen(Picker(f"Only {field.title.lower()}:", choices, self.readable), chosen)

    @on(VirtualTable.HeaderClicked)
    def _sort_by(self, message: VirtualTable.HeaderClicked) -> None:
        if message.table is self.board.main:
            here = self.trail.here
            same = message.column_id == here.view.field.id
            self.move_to(replace(here, sort=message.column_id, reverse=same and not here.reverse))

    def _sort_step(self, step: int) -> None:
        here, shown = self.trail.here, self.board.main.column_ids
        at = shown.index(here.view.field.id) if here.view.field.id in shown else 0
        self.move_to(replace(here, sort=shown[(at + step) % len(shown)], reverse=False))

    def action_sort_next(self) -> None:
        """Sorts by the column to the right."""
        self._sort_step(1)

    def action_sort_previous(self) -> None:
        """Sorts by the column to the left."""
        self._sort_step(-1)

    async def action_sort_pick(self) -> None:
        """Chooses among all fields."""
        here = self.trail.here

        def chosen(field_id: str | None) -> None:
            if field_id is not None:
                self.move_to(replace(here, sort=field_id, reverse=False))

        choices = [Choice(field.id, field.title, field.help) for field in here.subject.fields]
        await self.push_screen(Picker("Sort by:", choices, self.readable, here.view.field.id), chosen)

    def action_reverse(self) -> None:
        """Turns the order round."""
        here = self.trail.here
        self.move_to(replace(here, reverse=not here.reverse))

    def action_follow(self) -> None:
        """Keeps the cursor on its row."""
        self.board.main.follow = not self.board.main.follow
        self.draw_crumbs()

    @on(VirtualTable.RowLost)
    def _lost(self) -> None:
        self.notify("The followed row is gone.")
        self.draw_crumbs()

    def action_mark(self) -> None:
        """For copying and exporting."""
        self.board.main.toggle_mark()
        self.draw_crumbs()

    def action_unmark(self) -> None:
        """No row is marked."""
        self.board.main.unmark_all()
        self.draw_crumbs()

    # When.

    def action_pause(self) -> None:
        """Time stands on the screen, or goes on; observing never stops."""
        self.clock.pause()
        self.jump()

    def action_now(self) -> None:
        """Goes along with the newest again."""
        self.clock.now()
        self.jump()

    async def action_step(self, steps: int) -> None:
        """Looks at another time."""
        await self._travel(self.clock.step(steps))

    async def action_seek(self) -> None:
        """Asks for a time and goes there."""
        if self.clock.unseekable:
            self._went(self.clock.unseekable)
            return

        async def go(text: str | None) -> None:
            if text:
                await self._travel(self.clock.seek(text))

        await self.push_screen(Question("Go to:", "12:03:20, or 1m30s after the start, or 50%", self.readable), go)

    async def _travel(self, travel: Coroutine[Any, Any, str]) -> None:
        """Goes to another time. The next key waits for it no longer than KEY_WAITS_S: it may leave."""
        there = asyncio.Event()

        async def going() -> None:
            try:
                self._went(await travel)
            finally:
                there.set()

        self.run_worker(going())
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(there.wait(), KEY_WAITS_S)

    def _went(self, notice: str) -> None:
        if notice:
            self.notify(self.readable(notice), timeout=3, markup=False)
        self.jump()

    def action_plus(self) -> None:
        """A longer refresh, a quicker replay."""
        self.clock.plus()
        self.draw_header()

    def action_minus(self) -> None:
        """The reverse."""
        self.clock.minus()
        self.draw_header()

    # Out.

    def _chosen(self) -> Sequence[Any]:
        """What to export or copy: the marked rows, else all that are shown."""
        return self.board.main.marked_rows() or self.board.main.rows

    def action_export(self, format: str = "json") -> None:
        """Writes what is shown to a file."""
        snapshot, here = self.ring.shown, self.trail.here
        if snapshot is None:
            self.notify("There is nothing to export yet.", severity="warning")
        elif self._exporting:
            self.notify("The export before this one is still being written.", severity="warning")
        elif format == _SCREEN:
            picture = self.export_screenshot()
            self._export(lambda _: self._exports.screen(picture))
        else:
            write = partial(self._exports.rows, snapshot, here.view, self._chosen(), here.filter_text, format)
            self._export(lambda halted: write(halted=halted))

    @work
    async def _export(self, write: Callable[[Halted], Path]) -> None:
        """In a thread: 100,000 rows take seconds, and keys are answered meanwhile. Who leaves waits for nothing."""
        self._exporting = True
        left = threading.Event()
        late = self.set_timer(_LATE_S, lambda: self.notify("Writing …", timeout=_LATE_S))
        try:
            path = await asyncio.to_thread(write, left.is_set)
        except OSError as error:
            where = f"{error.filename}: " * bool(error.filename)
            self.notify(f"Not exported: {where}{error.strerror}", severity="error", markup=False)
        else:
            self.notify(f"Exported to {path}", markup=False)
        finally:
            left.set()
            late.stop()
            self._exporting = False

    async def action_export_as(self) -> None:
        """Chooses a format."""
        choices = [
            *(Choice(name, name, f"{self.trail.here.subject.id} as shown") for name in self._exports.formats),
            Choice(_SCREEN, _SCREEN, "the screen as a picture"),
        ]

        def chosen(format: str | None) -> None:
            if format is not None:
                self.action_export(format)

        await self.push_screen(Picker("Export as:", choices, self.readable), chosen)

    def action_copy_row(self) -> None:
        """To the terminal's clipboard; where rows are marked, those."""
        row, snapshot = self.board.selected, self.ring.shown
        if self.board.main.marked:
            self.action_copy_table()
        elif row is not None and snapshot is not None:
            self._send(clip_row(row, self.board.fields_of(row), snapshot, ascii_only=self.readable is not str))

    def action_copy_table(self) -> None:
        """Likewise, the marked rows or all."""
        snapshot = self.ring.shown
        if snapshot is not None:
            fields = self.trail.here.subject.fields
            self._send(clip_rows(self._chosen(), fields, snapshot, ascii_only=self.readable is not str))

    def _send(self, clip: Clip) -> None:
        self.copy_to_clipboard(clip.text)
        self.notify(clip.message, markup=False)

    # epolltop.

    async def action_help(self) -> None:
        """Shows keys and columns, and what cannot be seen."""
        shown = self.ring.shown
        await self.push_screen(Help(self.readable, notes(shown) if shown else ()))

    def action_go_on(self) -> None:
        """Says what to do instead."""
        self.notify("^Q does not quit; q does.", timeout=3)

    def action_redraw(self) -> None:
        """Draws all of the screen again, with the columns that are of use by now."""
        if self.ring.shown is not None:
            self.board.choose_columns()
        self.refresh(layout=True)
