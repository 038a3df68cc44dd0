"""The tables and detail panes of the main screen: which of them a place shows, with which columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from epolltop.model.event import Event
from epolltop.model.finding import Finding
from epolltop.model.instance import Instance
from epolltop.model.loop_of import LoopOf
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.event_fields import event_name
from epolltop.query.field import Field, fitting
from epolltop.query.instance_fields import HELD_FIELDS, InstanceOf
from epolltop.query.story import find_instance
from epolltop.query.view import EVENTS, INSTANCES, PROCESSES, SUBJECTS, NewestFirst, Subject, instances, processes_of
from epolltop.ui.detail_lines import lines_at_place, lines_of_row
from epolltop.ui.keys import at_tables
from epolltop.ui.state.change_highlight import Glow
from epolltop.ui.state.navigation import Place
from epolltop.ui.table.columns import columns
from epolltop.ui.table.virtual_table import VirtualTable
from epolltop.ui.widgets.detail import Detail
from epolltop.ui.widgets.filter_bar import FilterBar
from epolltop.ui.widgets.text_lines import Lines

FOCUSED = 200
"""Instances whose interest lists are measured each refresh: each read holds the lock of an instance in use."""


class Board(Vertical):
    """Each subject has a table; the place's is the main one, and processes have the two others as companions."""

    BINDINGS: ClassVar[list[BindingType]] = [*at_tables()]

    def __init__(self, readable: Callable[[str], str]) -> None:
        super().__init__(id="board")
        self._readable = readable
        self._snapshot: Snapshot | None = None
        self._place: Place | None = None
        self._glow: Glow | None = None
        self._accompanied: tuple[Snapshot, ProcessRow | None] | None = None
        self.raw = False
        """Whether events are shown field by field."""

    def compose(self) -> ComposeResult:
        """Tables from the general to the particular, each detail pane beside its table."""
        ascii_only = self._readable is not str

        def table(subject: Any, classes: str = "") -> VirtualTable[Any]:
            return VirtualTable[Any](
                id=subject.id,
                columns=(),
                key=subject.key,
                row_class=self._row_class,
                ascii_only=ascii_only,
                classes=classes,
            )

        with Horizontal(id="upper"):
            with Vertical(id="tables"):
                yield table(PROCESSES)
                yield Lines(classes="title", id="instances_title")
                yield table(INSTANCES)
                yield Lines(classes="title", id="events_title")
                with Horizontal(id="lower"):
                    yield table(EVENTS)
                    yield Detail(self._readable, id="detail")
                for other in SUBJECTS.values():
                    if other.id not in (PROCESSES.id, *PROCESSES.companions):
                        yield table(other, "-away")
            yield Detail(self._readable, id="page")

    def _row_class(self, row: Any) -> str:
        is_over = row.ended if isinstance(row, ProcessRow) else isinstance(row, Finding) and row.until_ns is not None
        return "table--dim" if is_over else (self._glow.row_class(row) if self._glow and self._of_place(row) else "")

    def _of_place(self, row: Any) -> bool:
        return self._place is not None and type(row) is self._place.subject.row_type

    @property
    def main(self) -> VirtualTable[Any]:
        """The table of the place."""
        return self.table(self._place.subject.id if self._place else PROCESSES.id)

    def focus_main(self) -> None:
        """Gives the main table the focus, or the detail that is shown in full; unless somebody is typing a filter."""
        if not any(bar.is_open for bar in self.screen.query(FilterBar)):
            # Now: focus() may come after the next key.
            self.screen.set_focus(self.query_one("#page") if self.is_zoomed else self.main)

    @property
    def is_zoomed(self) -> bool:
        """Whether the detail is shown in full."""
        return self.has_class("-zoomed")

    def zoom(self, full: bool) -> None:
        """Shows the detail in full, or the tables."""
        if full != self.is_zoomed:
            self.set_class(full, "-zoomed")
            self.focus_main()

    def table(self, id: str) -> VirtualTable[Any]:
        """The table of a subject."""
        return self.query_one(f"#{id}", VirtualTable)

    @property
    def selected(self) -> Any:
        """The row under the cursor of the table that has the focus, else of the main one."""
        focused = self.screen.focused
        return (focused if isinstance(focused, VirtualTable) else self.main).cursor_row

    def fields_of(self, row: Any) -> Sequence[Field[Any]]:
        """The detail of a row of one of the tables."""
        return self._fields(_SUBJECT_OF[type(row)])

    @property
    def manual_page(self) -> str:
        """The page about the finding or event under the cursor, else about what makes instances."""
        if isinstance(self.main.cursor_row, Finding):
            return self.main.cursor_row.id
        event: Event | None = self.table(EVENTS.id).cursor_row
        return event_name(event) if event else "epoll_create1"

    @property
    def measured(self) -> tuple[Instance, ...]:
        """Instances on screen: their interest lists are worth measuring."""
        rows = self.table(INSTANCES.id).rows[:FOCUSED]
        return tuple(row.instance for row in rows)

    @property
    def asked(self) -> tuple[Instance, ...]:
        """The instance whose details are on screen: what it watches is told one by one."""
        row = self._described
        instance = row.instance if isinstance(row, InstanceOf | LoopOf) else None
        if self._place and self._place.instance and self._snapshot:
            instance = find_instance(self._snapshot, self._place.instance)
        return (instance,) if instance else ()

    @property
    def shown(self) -> frozenset[ProcessKey]:
        """Processes on screen."""
        return processes_of(self.main.rows_in_view) if self._place else frozenset()

    def show(self, place: Place, snapshot: Snapshot, rows: Sequence[Any], glow: Glow | None, empty: str) -> None:
        """Draws rows of a place; they belong to the snapshot.

        Args:
            place: where we are.
            snapshot: the one to draw.
            rows: of the main table.
            glow: which of them are new or gone.
            empty: the message if there are no rows.
        """
        moved = self._place is None or place.subject != self._place.subject
        sorted_anew = self._place is not None and (place.sort, place.reverse) != (self._place.sort, self._place.reverse)
        self._place, self._snapshot, self._glow = place, snapshot, glow
        if moved:
            self._arrange(place.subject)
            self._accompanied = None
            self.main.forget()
            self.focus_main()
            self.choose_columns()
        self.set_class(place.instance is not None, "-one")
        self.main.empty = empty
        self.main.set_sort(place.view.field.id, place.view.descending)
        self.main.show(rows)
        if moved and place.cursor is not None:
            self.main.select(place.cursor)
        elif sorted_anew:
            self.main.show_top()
        if place.subject.companions:
            self._show_companions(snapshot)
        self.describe()

    def _arrange(self, subject: Subject[Any]) -> None:
        """Hides tables that are no companions of the main table; epolltop.tcss has the layout."""
        self.set_class(bool(subject.companions), "-accompanied")
        self.set_class(not subject.companions, "-alone")
        shown = {subject.id, *subject.companions}
        for id in SUBJECTS:
            self.table(id).set_class(id not in shown, "-away")
        self.query_one("#lower").set_class(EVENTS.id not in shown, "-away")

    def _show_companions(self, snapshot: Snapshot) -> None:
        row: ProcessRow | None = self.table(PROCESSES.id).cursor_row
        if self._accompanied and self._accompanied[0] is snapshot and self._accompanied[1] is row:
            return
        same = self._accompanied is not None and self._accompanied[1] is row
        self._accompanied = snapshot, row
        who = f"{row.name} ({row.pid})" if row else "no process"
        held = self.table(INSTANCES.id)
        held.empty = f"{who} holds no instance now." if row else "No process is selected."
        held.set_sort(None, False)
        held.show(held.rows if same else instances(row) if row else ())
        self.query_one("#instances_title", Lines).put([Text(self._readable(f"instances of {who}"))])
        self.query_one("#events_title", Lines).put([Text("events of all processes, newest first; g follows them")])
        journal = self.table(EVENTS.id)
        journal.empty = EVENTS.empty(snapshot)
        journal.set_sort(None, False)
        journal.show(NewestFirst(snapshot))

    def describe(self) -> None:
        """Draws the detail panes again."""
        if self._snapshot is None or self._place is None:
            return
        row, place, snapshot = self._described, self._place, self._snapshot
        lines = lines_of_row(row, () if row is None else self.fields_of(row), snapshot, raw=self.raw)
        if place.subject.companions:
            self.query_one("#detail", Detail).show(lines)
        else:
            self.query_one("#page", Detail).show(lines_at_place(place, row, lines, snapshot, raw=self.raw))

    @property
    def _described(self) -> Any:
        """The row whose details are on screen."""
        if self._place is None or not self._place.subject.companions:
            return self.main.cursor_row
        instances = self.table(INSTANCES.id)
        row = (instances if self.screen.focused is instances else self.table(EVENTS.id)).cursor_row
        return self.table(PROCESSES.id).cursor_row if row is None else row

    @on(VirtualTable.Resized)
    def _fit(self, message: VirtualTable.Resized) -> None:
        self._choose_columns(message.table)

    def choose_columns(self) -> None:
        """Of all tables anew: not with every refresh, or columns would come and go with processes out of sight."""
        for table in self.query(VirtualTable):
            self._choose_columns(table)

    def _choose_columns(self, table: VirtualTable[Any]) -> None:
        fields = fitting(self._fields(table.id or ""), table.room, self._snapshot)
        if [field.id for field in fields] != table.column_ids or not table.column_ids:
            table.set_columns(columns(fields, self._shown_snapshot, self._readable))

    def _fields(self, id: str) -> Sequence[Field[Any]]:
        if self._place is not None and self._place.subject.id == id:
            return self._place.subject.fields
        return HELD_FIELDS if id == INSTANCES.id else SUBJECTS[id].fields

    def _shown_snapshot(self) -> Snapshot:
        assert self._snapshot is not None, "rows are drawn before a snapshot"
        return self._snapshot

    @on(VirtualTable.RowHighlighted)
    def _another_row(self, message: VirtualTable.RowHighlighted) -> None:
        if self._snapshot is None or not self.is_mounted:
            return
        if message.table.id == PROCESSES.id:
            self._show_companions(self._snapshot)
        self.describe()


_SUBJECT_OF = {subject.row_type: subject.id for subject in SUBJECTS.values()}
