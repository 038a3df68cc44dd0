"""A table alone on a terminal, and what was painted of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot

from epolltop.ui.table.layout import Column
from epolltop.ui.table.virtual_table import VirtualTable


@dataclass(frozen=True)
class Item:
    pid: int
    name: str = ""
    load: int = 0


PID: Column[Item] = Column("pid", "PID", 6, True, lambda item: str(item.pid))
LOAD: Column[Item] = Column("load", "LOAD", 5, True, lambda item: str(item.load))
NAME: Column[Item] = Column("name", "NAME", 0, False, lambda item: item.name)
Table = VirtualTable[Item]


def items(count: int) -> list[Item]:
    return [Item(pid, f"name{pid}", pid * 10) for pid in range(count)]


def make_table(
    *columns: Column[Item], empty: str = "", row_class: Callable[[Item], str] | None = None, ascii_only: bool = False
) -> Table:
    return VirtualTable(
        columns=columns or (PID, NAME),
        key=lambda item: item.pid,
        empty=empty,
        row_class=row_class,
        ascii_only=ascii_only,
    )


class TableApp(App[None]):
    def __init__(self, table: Table) -> None:
        super().__init__()
        self.table = table
        self.highlighted: list[Item | None] = []
        self.activated: list[Item] = []
        self.headers: list[str] = []
        self.lost: list[object] = []
        self.painted: list[CompositorUpdate] = []

    def compose(self) -> ComposeResult:
        yield self.table

    def on_virtual_table_row_highlighted(self, message: VirtualTable.RowHighlighted) -> None:
        self.highlighted.append(message.row)

    def on_virtual_table_row_activated(self, message: VirtualTable.RowActivated) -> None:
        self.activated.append(message.row)

    def on_virtual_table_row_lost(self, message: VirtualTable.RowLost) -> None:
        self.lost.append(message.key)

    def on_virtual_table_header_clicked(self, message: VirtualTable.HeaderClicked) -> None:
        self.headers.append(message.column_id)

    def _display(self, screen: Any, renderable: Any) -> None:
        """Where Textual writes to the terminal, if there is one."""
        if isinstance(renderable, CompositorUpdate):
            self.painted.append(renderable)
        super()._display(screen, renderable)


@dataclass
class Screen:
    """A table on a terminal: what was painted, not what would be."""

    app: TableApp
    pilot: Pilot[None]

    async def show(self, rows: list[Item]) -> None:
        self.app.table.show(rows)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def click(self, x: int, y: int, times: int = 1) -> None:
        await self.pilot.click(self.app.table, offset=(x, y), times=times)
        await self.pilot.pause()

    async def wheel(self, event: type[MouseScrollDown | MouseScrollUp]) -> None:
        await self.pilot._post_mouse_events([event], self.app.table, offset=(1, 1))
        await self.pilot.pause()

    async def spans(self, rows: list[Item]) -> list[tuple[int, int, int]]:
        """Line, first cell and end of what showing these rows paints."""
        await self.pilot.pause()
        self.app.painted.clear()
        await self.show(rows)
        spans = []
        for update in self.app.painted:
            assert isinstance(update, ChopsUpdate), "all of the screen"
            spans += update.spans
        return spans

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "never happened"
            await self.pilot.pause()

    def segments(self, y: int) -> list[Segment]:
        table = self.app.table
        return list(table.screen._compositor.render_strips()[y].crop(0, table.scrollable_size.width))

    def line(self, y: int) -> str:
        return "".join(segment.text for segment in self.segments(y))

    @property
    def lines(self) -> list[str]:
        return [self.line(y).rstrip() for y in range(self.app.table.scrollable_size.height)]

    def cursor(self) -> object:
        return self.app.table.cursor_key

    @property
    def marked(self) -> list[str]:
        return [line[1:].strip() for line in self.lines if line.startswith("▸")]

    def style_of(self, y: int, text: str) -> Any:
        style = next(segment.style for segment in self.segments(y) if text in segment.text)
        assert style is not None
        return style


@asynccontextmanager
async def on_screen(
    table: Table | None = None, rows: list[Item] | None = None, size: tuple[int, int] = (30, 10)
) -> AsyncIterator[Screen]:
    app = TableApp(table or make_table())
    async with app.run_test(size=size) as pilot:
        screen = Screen(app, pilot)
        await screen.show(rows or [])
        yield screen


def worded(*titles: str) -> Table:
    """Columns of nine cells, which say what they are and of which row."""

    def column(title: str) -> Column[Item]:
        return Column(title, title, 9, False, lambda item: f"{title}{item.pid}")

    return make_table(*map(column, titles))
