"""The live screen: awaits snapshots, shows the last one (or the held one), and turns keys into questions to it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.filter import LineFilter
from textual.message import Message
from textual.widgets import Footer, Input, Static

from epolltop.model.batch import Event
from epolltop.model.snapshot import ProcessRow, Snapshot
from epolltop.query.fields import EVENT_FIELDS, HELD_FIELDS, PROCESS_FIELDS, Field, InstanceOf
from epolltop.query.filter import FilterError, parse
from epolltop.query.view import EVENTS, NewestFirst, View, instances, look
from epolltop.session import Session
from epolltop.ui.ascii import ASCII
from epolltop.ui.columns import columns
from epolltop.ui.detail import Detail
from epolltop.ui.header import Header
from epolltop.ui.help import Help
from epolltop.ui.keys import bindings
from epolltop.ui.table import VirtualTable

_Same = TypeVar("_Same")

DELAYS_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
FOCUSED_INSTANCES = 200
"""Of the selected process, whose interest lists are measured each refresh."""

Export = Callable[[Snapshot, Sequence[ProcessRow]], Path]
"""Writes a snapshot and says where; raises OSError."""


class EpolltopApp(App[Exception]):
    """Its result is why there was nothing to show, or None after an ordinary end."""

    TITLE = "epolltop"
    CSS_PATH = "epolltop.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  declared so by App
        (0, "-narrow"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  declared so by App
        (0, "-shortest"),
        (14, "-short"),
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
        view: View[ProcessRow],
        filter_text: str,
        export: Export,
        readable: Callable[[str], str] = str,
    ) -> None:
        super().__init__()
        self._session, self._view, self._filter_text, self._export = session, view, filter_text, export
        self._readable = readable
        self._latest: Snapshot | None = None
        self._held: Snapshot | None = None
        self._trouble = ""

    def compose(self) -> ComposeResult:
        """Header, processes, their instances, the journal with its detail pane, filter bar, footer."""
        ascii_only = self._readable is not str
        yield Header(self._readable, id="header")
        yield VirtualTable[ProcessRow](
            id="processes",
            columns=(),
            key=lambda row: row.key,
            row_class=lambda row: "table--dim" if row.ended else "",
            ascii_only=ascii_only,
        )
        yield Static("instances", classes="title", id="instances_title", markup=False)
        yield VirtualTable[InstanceOf](
            id="instances",
            columns=(),
            key=lambda row: (row.instance.file, row.instance.since_ns),
            ascii_only=ascii_only,
        )
        yield Static("events, newest first", classes="title", id="events_title", markup=False)
        with Horizontal(id="events"):
            yield VirtualTable[Event](
                id="journal",
                columns=(),
                key=EVENTS.key,
                empty="No instance was created or released yet.",
                ascii_only=ascii_only,
            )
            yield Detail(self._readable, id="detail")
        yield Static(id="filter_error", markup=False)
        yield Input(id="filter", placeholder="words, open>10, user:www, !word", compact=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Starts observing."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Ctrl-C is an ordinary way to leave; the others are told to whoever started us.
            loop.add_signal_handler(number, self._leave, 0 if number == signal.SIGINT else 128 + number)
        self.app_resume_signal.subscribe(self, lambda _: self.action_redraw())
        self._table("processes").focus()
        self.query_one(Detail).describe(None, None)
        self._draw()
        self._observe()

    def _leave(self, code: int) -> None:
        self.exit(return_code=code)

    @work
    async def _observe(self) -> None:
        """The one worker: awaits what the session's thread makes of the perf buffer."""
        try:
            self.post_message(self.Arrived(await self._session.open()))
            async for snapshot in self._session.ticks():
                self.post_message(self.Arrived(snapshot))
        except Exception as error:
            if self._latest is None:
                self.exit(error, return_code=1)
            else:
                self._trouble = f"{type(error).__name__}: {error}"
                self._draw_header()

    @on(Arrived)
    def _take(self, message: Arrived) -> None:
        self._latest = message.snapshot
        if self._is_gone():
            return
        self._draw() if self._held is None else self._draw_header()

    def _is_gone(self) -> bool:
        """Whether the screen is being taken down: messages still arrive then, and find no widgets."""
        return not self.query(Detail)

    # What is on screen.

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every painted line goes through, Textual's borders and scroll bars too."""
        filters = super().get_line_filters()
        return filters if self._readable is str else [*filters, ASCII]

    @on(VirtualTable.Resized, "#processes")
    def _choose_process_columns(self, message: VirtualTable.Resized) -> None:
        self._choose_columns(message.table, PROCESS_FIELDS, _itself)

    @on(VirtualTable.Resized, "#instances")
    def _choose_instance_columns(self, message: VirtualTable.Resized) -> None:
        self._choose_columns(message.table, HELD_FIELDS, _itself)

    @on(VirtualTable.Resized, "#journal")
    def _choose_journal_columns(self, message: VirtualTable.Resized) -> None:
        self._choose_columns(message.table, EVENT_FIELDS, _itself)

    def _choose_columns(
        self, table: VirtualTable[Any], fields: Sequence[Field[Any]], record: Callable[[Any], Any]
    ) -> None:
        table.set_columns(columns(fields, record, self._snapshot, self._readable, table.room))

    def _snapshot(self) -> Snapshot:
        shown = self._held or self._latest
        assert shown is not None, "rows are drawn before a snapshot"
        return shown

    def _table(self, name: str) -> VirtualTable[Any]:
        return self.query_one(f"#{name}", VirtualTable)

    def _draw(self) -> None:
        self._draw_header()
        table = self._table("processes")
        if self._latest is None:
            table.empty = "Attaching probes and looking for instances that exist already."
            return
        snapshot = self._snapshot()
        table.empty = self._why_empty(snapshot)
        table.set_sort(self._view.field.id, self._view.descending)
        table.show(look(snapshot, self._view))
        self._draw_instances()
        self._table("journal").show(NewestFirst(snapshot))

    def _draw_header(self) -> None:
        self.query_one(Header).describe(
            self._latest, self._held, self._trouble, self._session.delay_s, self._filter_text
        )

    def _draw_instances(self) -> None:
        row: ProcessRow | None = self._table("processes").cursor_row
        held = instances(row) if row else ()
        table = self._table("instances")
        who = f"{row.name} ({row.pid})" if row else "no process"
        table.empty = f"{who} holds no instance now." if row else "No process is selected."
        self.query_one("#instances_title", Static).update(self._readable(f"instances of {who}"))
        table.show(held)
        self._session.focus = tuple(each.instance for each in held[:FOCUSED_INSTANCES])

    def _why_empty(self, snapshot: Snapshot) -> str:
        if snapshot.processes:
            return f"None of {len(snapshot.processes)} processes matches the filter {self._filter_text!r}."
        return "No process holds an epoll instance."

    @on(VirtualTable.RowHighlighted, "#processes")
    def _select_process(self) -> None:
        if self._latest is not None and not self._is_gone():
            self._draw_instances()

    @on(VirtualTable.RowHighlighted, "#journal")
    def _select_event(self, message: VirtualTable.RowHighlighted) -> None:
        if self._is_gone():
            return
        event: Event | None = message.row
        self.query_one(Detail).describe(event, self._held or self._latest)

    # Keys.

    def _show(self, view: View[ProcessRow]) -> None:
        self._view = view
        self._draw()

    @on(VirtualTable.HeaderClicked, "#processes")
    def _sort_by(self, message: VirtualTable.HeaderClicked) -> None:
        same = message.column_id == self._view.field.id
        self._show(replace(self._view, sort=message.column_id, reverse=same and not self._view.reverse))

    def _sort_step(self, step: int) -> None:
        shown = self._table("processes").column_ids
        at = shown.index(self._view.field.id) if self._view.field.id in shown else 0
        self._show(replace(self._view, sort=shown[(at + step) % len(shown)], reverse=False))

    def action_sort_next(self) -> None:
        """Sorts by the column to the right."""
        self._sort_step(1)

    def action_sort_previous(self) -> None:
        """Sorts by the column to the left."""
        self._sort_step(-1)

    def action_reverse(self) -> None:
        """Turns the order round."""
        self._show(replace(self._view, reverse=not self._view.reverse))

    def action_pause(self) -> None:
        """Holds what is shown, or goes on; observing never stops."""
        self._held = self._latest if self._held is None else None
        self._draw()

    def action_faster(self) -> None:
        """Refreshes more often."""
        now_s = self._session.delay_s
        self._set_delay(max((delay for delay in DELAYS_S if delay < now_s), default=now_s))

    def action_slower(self) -> None:
        """Refreshes less often."""
        now_s = self._session.delay_s
        self._set_delay(min((delay for delay in DELAYS_S if delay > now_s), default=now_s))

    def _set_delay(self, delay_s: float) -> None:
        self._session.delay_s = delay_s
        self._draw_header()

    def action_help(self) -> None:
        """Shows keys and columns."""
        self.push_screen(Help(self._readable))

    def action_redraw(self) -> None:
        """Draws all of the screen again."""
        self.refresh(layout=True)

    def action_export(self) -> None:
        """Writes what is shown to a file."""
        if self._latest is None:
            self.notify("There is nothing to export yet.", severity="warning")
            return
        snapshot = self._snapshot()
        try:
            path = self._export(snapshot, look(snapshot, self._view))
        except OSError as error:
            self.notify(f"Not exported: {error.filename}: {error.strerror}", severity="error", markup=False)
        else:
            self.notify(f"Exported to {path}", markup=False)

    def action_filter(self) -> None:
        """Opens the filter bar."""
        bar = self.query_one("#filter", Input)
        bar.value = self._filter_text
        bar.display = True
        self.screen.set_focus(bar)  # now: focus() is too late for who types on
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys that open the filter bar are characters in it, and in dialogs."""
        if action != "filter":
            return True
        return self.screen is self.default_screen and not any(bar.display for bar in self.query("#filter"))

    async def action_back(self) -> None:
        """Closes the filter bar and clears the filter."""
        self.query_one("#filter", Input).value = ""
        self._apply_filter("")
        self._close_filter()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, message: Input.Changed) -> None:
        if message.input.display:
            self._apply_filter(message.value)

    @on(Input.Submitted, "#filter")
    def _close_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self.refresh_bindings()
        self.query_one("#filter_error", Static).remove_class("open")
        self._table("processes").focus()

    def _apply_filter(self, text: str) -> None:
        """The rows that match while typing; what does not parse leaves the last good rows and says where it fails."""
        error_line = self.query_one("#filter_error", Static)
        try:
            predicate = parse(text)
        except FilterError as error:
            error_line.update(f"{' ' * error.position}^ {error.message}")
            error_line.add_class("open")
            return
        error_line.remove_class("open")
        self._filter_text = text.strip()
        self._show(replace(self._view, filter=predicate))


def _itself(row: _Same) -> _Same:
    return row
