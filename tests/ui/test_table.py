from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot

from epolltop.ui.table.virtual_table import Column, VirtualTable


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


# What it costs.


async def test_of_100_000_rows_only_the_cells_on_screen_are_formatted() -> None:
    formatted: list[tuple[str, int]] = []

    def counted(column: str) -> Callable[[Item], str]:
        return lambda item: formatted.append((column, item.pid)) or str(item.pid)  # type: ignore[func-returns-value]

    table = make_table(*(Column(name, name, 4, True, counted(name)) for name in "abc"))
    rows = items(100_000)
    async with on_screen(table, rows[:50]) as screen:
        formatted.clear()
        await screen.show(rows)
        await screen.until(lambda: len(formatted) >= 27)
        assert sorted(set(formatted)) == [(name, pid) for name in "abc" for pid in range(9)]
        assert len(formatted) <= 2 * 27  # more rows than before: painted at most once more by the layout

        formatted.clear()
        rows[3], rows[4] = rows[4], rows[3]
        await screen.show(list(rows))
        await screen.until(lambda: len(formatted) >= 27)
        assert len(formatted) == 27  # to compare; what differs is painted from that

        formatted.clear()
        await screen.press("end")
        await screen.until(lambda: len(formatted) >= 27)
        assert {pid for _, pid in formatted} == set(range(99_991, 100_000))
        assert len(formatted) == 27


async def test_moving_the_cursor_formats_the_two_lines_that_change() -> None:
    formatted: list[int] = []
    column = Column[Item]("pid", "PID", 6, True, lambda item: formatted.append(item.pid) or "x")  # type: ignore[func-returns-value]
    async with on_screen(make_table(column), items(100)) as screen:
        formatted.clear()
        await screen.press("down")
        await screen.until(lambda: len(formatted) >= 2)
        assert sorted(formatted) == [0, 1]


async def test_a_column_out_of_view_is_not_formatted() -> None:
    formatted: list[str] = []

    def counted(name: str) -> Column[Item]:
        return Column(name, name, 9, False, lambda _item: formatted.append(name) or name)  # type: ignore[func-returns-value]

    async with on_screen(make_table(*map(counted, "abcde")), items(3), size=(21, 6)) as screen:
        assert set(formatted) == {"a", "b"}
        await screen.press("right", "right", "right")
        formatted.clear()
        await screen.press("right")
        await screen.until(lambda: "d" in formatted)
        assert "a" not in formatted
        assert "e" not in formatted


async def test_rows_on_screen_are_painted_anew_when_only_time_has_passed() -> None:
    age = 1
    async with on_screen(make_table(Column("age", "AGE", 5, True, lambda _item: f"{age}s")), items(1)) as screen:
        assert screen.lines[1] == "▸   1s"
        age = 2
        await screen.show(items(1))
        assert screen.lines[1] == "▸   2s"


# What is painted.


async def test_only_the_cells_that_differ_are_painted() -> None:
    rows = items(100)
    async with on_screen(make_table(PID, LOAD, NAME), rows, size=(60, 42)) as screen:
        screen.app.table.set_sort("pid", True)
        assert await screen.spans(list(rows)) == []
        screen.app.table.set_sort("pid", True)
        await screen.pilot.pause()
        assert screen.app.painted == []
        rows[5] = replace(rows[5], load=7)
        assert await screen.spans(rows) == [(6, 8, 13)]
        assert screen.lines[6] == "      5     7 name5"
        rows[7] = replace(rows[7], load=8, name="other")
        rows[90] = replace(rows[90], name="out of view")
        assert await screen.spans(rows) == [(8, 8, 59)]
        assert screen.lines[8] == "      7     8 other"


async def test_one_cell_of_forty_rows_takes_few_bytes_to_write() -> None:
    columns = [replace(LOAD, id=str(number), title=str(number)) for number in range(14)]
    rows = items(40)
    async with on_screen(make_table(*columns), rows, size=(100, 42)) as screen:

        def written() -> int:
            console = screen.app.console
            return sum(len(update.render_segments(console).encode()) for update in screen.app.painted)

        screen.app.painted.clear()
        screen.app.table.refresh()
        await screen.pilot.pause()
        whole = written()
        rows[20] = replace(rows[20], load=7)
        await screen.spans(rows)
        assert 0 < written() < whole / 20


async def test_rows_that_come_and_go_paint_their_lines() -> None:
    async with on_screen(rows=items(5)) as screen:
        assert await screen.spans(items(6)) == [(6, 0, 29)]
        assert screen.lines[6] == "      5 name5"
        assert await screen.spans(items(4)) == [(5, 0, 29), (6, 0, 29)]
        assert screen.lines[4:] == ["      3 name3", "", "", "", "", ""]


async def test_the_scrollbar_is_painted_where_it_looks_different() -> None:
    async with on_screen(rows=items(5)) as screen:

        def bar() -> list[object]:
            """Of the rows, what is to the right of them."""
            strips = screen.app.screen._compositor.render_strips()
            return [(segment.text, segment.style) for strip in strips for segment in strip.crop(29)]

        for count in (20, 40, 1000, 1001, 5, 0, 300):
            before = bar()
            spans = await screen.spans(items(count))
            now = bar()
            painted = [y for y, first, end in spans if end == 30]
            assert painted == [y for y in range(10) if before[y] != now[y]]
            scrollbar = screen.app.table.vertical_scrollbar
            scrollbar._set_dirty()
            scrollbar._exchange_repaint_regions()
            assert bar() == now, "what was painted is not what it looks like"
        await screen.press("end")
        assert bar() != now
        screen.app.refresh(layout=True)
        assert await screen.spans(items(300)) == []


async def test_rows_shown_twice_before_they_are_painted_are_painted_as_they_were_last() -> None:
    rows = items(5)
    async with on_screen(rows=rows) as screen:
        table = screen.app.table
        table.show([*rows[:3], replace(rows[3], name="first"), replace(rows[4], name="first")])
        table.show([*rows[:3], replace(rows[3], name="second"), rows[4]])
        await screen.pilot.pause()
        assert screen.lines[4:6] == ["      3 second", "      4 name4"]


async def test_whatever_else_changes_is_painted_with_rows_that_differ_little() -> None:
    rows = items(100)
    newer = [replace(rows[0], load=1), *rows[1:]]

    async def check(screen: Screen, *lines: tuple[int, str]) -> None:
        await screen.pilot.pause()
        await screen.pilot.pause()
        for y, line in lines:
            assert screen.lines[y] == line

    async with on_screen(make_table(PID, LOAD, NAME), rows) as screen:
        table = screen.app.table
        for order in (newer, rows):  # shown before what else changed is painted, and after it
            table.show(order)
            table.action_last()
            table.show(newer)
            await check(screen, (9, "▸    99   990 name99"), (1, "     91   910 name91"))
            table.show(order)
            table.action_first()
            await check(screen, (1, f"▸     0 {order[0].load:>5} name0"), (9, "      8    80 name8"))
            table.set_columns([LOAD, NAME])
            table.show(newer)
            await check(screen, (0, "  LOAD NAME"), (1, "▸    1 name0"), (2, "    10 name1"))
            table.show(order)
            table.set_columns([PID, LOAD, NAME])
            await check(screen, (0, "    PID  LOAD NAME"), (2, "      1    10 name1"))
            await screen.pilot.resize_terminal(16, 10)
            table.show(newer)
            await check(screen, (1, "▸     0     1 n"))
            await screen.pilot.resize_terminal(30, 10)
            table.show(newer)
            await check(screen, (1, "▸     0     1 name0"))
            table.set_sort("pid" if order is newer else "load", False)
            table.show(newer)
            await check(screen, (0, "   PID▲  LOAD NAME" if order is newer else "    PID LOAD▲ NAME"))
            table.set_sort(None, False)


async def test_another_theme_is_painted_with_rows_that_differ_little() -> None:
    rows = items(5)
    async with on_screen(rows=rows) as screen:
        before = screen.style_of(3, "name2")
        screen.app.theme = "textual-light"
        screen.app.table.show([replace(rows[0], name="other"), *rows[1:]])
        await screen.pilot.pause()
        await screen.show(rows)
        assert screen.style_of(3, "name2").color != before.color


async def test_a_table_that_was_hidden_shows_its_last_rows() -> None:
    formatted: list[int] = []
    column = Column[Item]("pid", "PID", 6, True, lambda item: formatted.append(item.pid) or str(item.load))  # type: ignore[func-returns-value]
    rows = items(5)
    async with on_screen(make_table(column), rows) as screen:
        table = screen.app.table
        table.display = False
        await screen.pilot.pause()
        formatted.clear()
        await screen.show([replace(row, load=7) for row in rows])
        assert formatted == []
        table.display = True
        await screen.pilot.pause()
        assert screen.lines[1:6] == ["▸     7"] + ["      7"] * 4


# The cursor.


@pytest.mark.parametrize(
    ("keys", "pid"),
    [
        ("down", 1),
        ("j j", 2),
        ("down down up", 1),
        ("j j k", 1),
        ("up", 0),
        ("pagedown", 9),
        ("pagedown pagedown pageup", 9),
        ("pageup", 0),
        ("ctrl+d", 4),
        ("ctrl+d ctrl+d ctrl+u", 4),
        ("end", 99),
        ("G", 99),
        ("end down", 99),
        ("end pagedown", 99),
        ("end home", 0),
        ("G g", 0),
        ("G pageup", 90),
    ],
)
async def test_keys_move_the_cursor_and_keep_it_on_screen(keys: str, pid: int) -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.press(*keys.split())
        assert screen.cursor() == pid
        assert screen.app.table.cursor_row == Item(pid, f"name{pid}", pid * 10)
        assert screen.marked == [f"{pid} name{pid}"]


async def test_a_page_moves_the_view_with_the_cursor() -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.press("down", "down", "pagedown")
        assert screen.lines[1] == "      9 name9"
        assert screen.lines[3] == "▸    11 name11"


async def test_half_a_page_of_one_row_is_a_row() -> None:
    async with on_screen(rows=items(100), size=(30, 2)) as screen:
        await screen.press("ctrl+d", "ctrl+d")
        assert screen.cursor() == 2


async def test_the_cursor_follows_its_key_through_another_order_on_the_same_line() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        screen.app.table.select(50)
        await screen.press("up", "up")
        line = screen.lines.index("▸    48 name48")
        await screen.show(rows[::-1])
        assert screen.cursor() == 48
        assert screen.lines[line] == "▸    48 name48"
        assert screen.lines[line - 1] == "     49 name49"


async def test_the_cursor_stays_on_screen_where_its_line_cannot_be_kept() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        screen.app.table.select(50)
        await screen.show([rows[50], *rows[:50], *rows[51:]])
        assert screen.lines[1] == "▸    50 name50"
        await screen.show([*rows[:50], *rows[51:], rows[50]])
        assert screen.lines[9] == "▸    50 name50"


async def test_the_cursor_of_a_row_that_is_gone_goes_to_the_row_on_its_line() -> None:
    rows = items(5)
    async with on_screen(rows=rows) as screen:
        screen.app.table.select(2)
        await screen.show([*rows[:2], *rows[3:]])
        assert screen.cursor() == 3
        await screen.show(rows[::-1])
        assert screen.lines[2] == "▸     3 name3"


async def test_the_cursor_of_the_last_row_goes_up_when_the_rows_get_fewer() -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.press("end")
        await screen.show(items(20))
        assert screen.cursor() == 19
        assert screen.lines[9] == "▸    19 name19"


async def test_rows_may_vanish_while_the_view_is_at_their_end() -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.press("end")
        for count, line in ((60, "▸    59 name59"), (9, "▸     8 name8"), (1, "▸     0 name0")):
            await screen.show(items(count))
            shown = screen.lines[1:10]
            assert shown[min(count, 9) - 1] == line
            assert [text for text in shown if text] == shown[: min(count, 9)]
        await screen.show([])
        assert screen.lines[1:] == [""] * 9
        await screen.show(items(100))
        assert screen.marked == ["0 name0"]


async def test_the_cursor_finds_its_key_again_after_the_table_was_empty() -> None:
    async with on_screen(rows=items(100)) as screen:
        screen.app.table.select(50)
        await screen.show([])
        assert screen.cursor() is None
        assert screen.app.table.cursor_row is None
        await screen.show(items(100)[10:])
        assert screen.cursor() == 50
        assert screen.marked == ["50 name50"]


async def test_a_cursor_nobody_moved_stays_on_top() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        await screen.press("up", "home")
        await screen.show(rows[::-1])
        assert screen.cursor() == 99
        assert screen.lines[1] == "▸    99 name99"


async def test_a_cursor_that_was_moved_back_to_the_top_follows_its_row() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        await screen.press("down", "up")
        await screen.show(rows[::-1])
        assert screen.cursor() == 0


@pytest.mark.parametrize("key", ["home", "g"])
async def test_after_home_the_cursor_stays_on_top(key: str) -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        await screen.press("end", key)
        await screen.show(rows[::-1])
        assert screen.cursor() == 99
        assert screen.lines[1] == "▸    99 name99"


async def test_a_followed_row_is_kept_under_the_cursor_and_its_loss_is_told() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        table = screen.app.table
        table.follow = True
        await screen.show([*rows[1:], rows[0]])
        assert screen.marked == ["0 name0"]
        assert screen.cursor() == 0
        await screen.press("up")
        await screen.show(rows)
        assert screen.cursor() == 99
        assert (table.follow, screen.app.lost) == (True, [])
        await screen.show(rows[:99])
        assert (table.follow, screen.app.lost) == (False, [99])
        assert screen.marked == ["98 name98"]
        await screen.show(rows[:98])
        assert screen.app.lost == [99]


async def test_it_knows_when_somebody_moved_the_cursor() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        table = screen.app.table
        table.select(5)
        await screen.show(rows[::-1])
        await screen.wheel(MouseScrollDown)
        assert table.moved_at == float("-inf")
        for key in ("down", "pageup", "end", "home", "right"):
            before = time.monotonic()
            await screen.press(key)
            assert before <= table.moved_at <= time.monotonic()
        before = time.monotonic()
        await screen.click(10, 4)
        assert before <= table.moved_at


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_marks_are_drawn_and_go_with_their_rows(ascii_only: bool) -> None:
    cursor, mark, both = (">", "*", "@") if ascii_only else ("▸", "●", "◉")
    rows = items(4)
    async with on_screen(make_table(PID, ascii_only=ascii_only), rows) as screen:
        table = screen.app.table

        def signs() -> list[str]:
            return [line[:1] for line in screen.lines[1:5]]

        table.toggle_mark()
        await screen.pilot.pause()
        assert signs() == [both, " ", " ", " "]
        await screen.press("down", "down")
        assert signs() == [mark, " ", cursor, " "]
        table.toggle_mark()
        await screen.show(rows[::-1])
        assert signs() == [" ", both, " ", mark]
        assert table.marked == {0, 2}
        assert table.marked_rows() == [rows[2], rows[0]]
        assert screen.style_of(4, " 0").color != screen.style_of(3, " 1").color
        await screen.show(rows[1:])
        assert table.marked == {2}
        table.unmark_all()
        await screen.pilot.pause()
        assert signs()[:3] == [" ", cursor, " "]
        assert table.marked_rows() == []


@pytest.mark.parametrize("by_mouse", [False, True])
async def test_a_first_row_that_was_selected_is_followed(by_mouse: bool) -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        if by_mouse:
            await screen.click(3, 1)
        else:
            assert screen.app.table.select(0)
        await screen.show(rows[::-1])
        assert screen.cursor() == 0


async def test_select_brings_the_row_on_screen() -> None:
    async with on_screen(rows=items(100)) as screen:
        assert screen.app.table.select(70)
        await screen.pilot.pause()
        assert screen.marked == ["70 name70"]


async def test_selecting_an_unknown_key_changes_nothing() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        assert not screen.app.table.select(-1)
        await screen.show(rows[::-1])
        assert screen.cursor() == 99


async def test_rows_shown_before_the_table_is_mounted_are_there() -> None:
    table = make_table()
    app = TableApp(table)

    async with app.run_test(size=(30, 10)) as pilot:
        late = make_table()
        late.show(items(100))
        late.select(50)
        await table.remove()
        app.table = late
        await app.mount(late)
        await pilot.pause()
        assert Screen(app, pilot).marked == ["50 name50"]
        assert app.highlighted[-1] == items(100)[50]


async def test_the_cursor_stays_on_screen_when_the_table_gets_lower() -> None:
    async with on_screen(rows=items(100), size=(30, 20)) as screen:
        screen.app.table.select(15)
        await screen.pilot.resize_terminal(30, 5)
        await screen.pilot.pause()
        assert screen.marked == ["15 name15"]


# What it reports.


async def test_it_reports_the_row_under_the_cursor_whenever_it_is_another_record() -> None:
    rows = items(3)
    async with on_screen(rows=rows) as screen:
        assert screen.app.highlighted == [rows[0]]
        await screen.press("down")
        assert screen.app.highlighted == [rows[0], rows[1]]
        await screen.show(rows[::-1])
        assert screen.app.highlighted == [rows[0], rows[1]]
        newer = [replace(row, load=7) for row in rows]
        await screen.show(newer)
        assert screen.app.highlighted == [rows[0], rows[1], newer[1]]
        await screen.show([newer[0], newer[2]])
        await screen.show([])
        assert screen.app.highlighted == [rows[0], rows[1], newer[1], newer[2], None]


async def test_a_click_selects_and_a_double_click_activates() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        await screen.press("end")
        await screen.click(3, 4)
        assert screen.cursor() == 94
        assert screen.app.activated == []
        await screen.click(3, 6, times=2)
        assert screen.cursor() == 96
        assert screen.app.activated == [rows[96]]
        assert not screen.app.screen.selections


async def test_a_click_below_the_rows_does_nothing() -> None:
    async with on_screen(rows=items(2)) as screen:
        await screen.click(3, 6, times=2)
        assert screen.cursor() == 0
        assert screen.app.activated == []


async def test_a_click_on_the_corner_between_the_scrollbars_does_nothing() -> None:
    async with on_screen(make_table(PID, LOAD), items(100), size=(12, 6)) as screen:
        assert screen.app.table.scrollable_size == (11, 5)
        await screen.press("end")
        await screen.click(11, 5)
        assert screen.cursor() == 99
        assert screen.app.headers == []


async def test_a_click_on_a_title_reports_its_column() -> None:
    async with on_screen(make_table(PID, LOAD, NAME), items(100)) as screen:
        await screen.press("end")
        for x in (1, 6, 8, 12, 14, 25):
            await screen.click(x, 0)
        assert screen.app.headers == ["pid", "pid", "load", "load", "name", "name"]
        assert screen.cursor() == 99


async def test_a_click_on_the_header_beside_the_titles_reports_nothing() -> None:
    async with on_screen(make_table(PID), items(3)) as screen:
        await screen.click(0, 0)
        await screen.click(20, 0)
        assert screen.app.headers == []


async def test_a_click_on_a_title_that_was_scrolled_reports_its_column() -> None:
    table = make_table(*(Column[Item](name, name, 9, False, lambda _item: "x") for name in "abcde"))
    async with on_screen(table, items(3), size=(22, 6)) as screen:
        await screen.press("right", "right", "right")
        await screen.click(1, 0)
        await screen.click(4, 0)
        assert screen.app.headers == ["a", "b"]


# Scrolling.


async def test_the_header_stays_while_the_rows_scroll() -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.press("end")
        assert screen.lines[0] == "    PID NAME"
        assert screen.lines[1] == "     91 name91"


def worded(*titles: str) -> Table:
    """Columns of nine cells, which say what they are and of which row."""

    def column(title: str) -> Column[Item]:
        return Column(title, title, 9, False, lambda item: f"{title}{item.pid}")

    return make_table(*map(column, titles))


async def test_left_and_right_move_to_a_cell_and_scroll_header_and_rows_but_not_the_mark() -> None:
    table = worded("one", "two", "three", "four")
    async with on_screen(table, items(2), size=(25, 6)) as screen:
        assert screen.lines[:3] == [" one       two       thr", "▸one0      two0      thr", " one1      two1      thr"]
        assert not table.cursor_column
        for key, column_id, header in [
            ("right", "one", " one       two       thr"),
            ("right", "two", " one       two       thr"),
            ("right", "three", "     two       three"),
            ("right", "four", "     three     four"),
            ("right", "four", "     three     four"),
            ("left", "three", "     three     four"),
            ("left", "two", " two       three     fou"),
            ("left", "one", " one       two       thr"),
            ("left", "one", " one       two       thr"),
        ]:
            await screen.press(key)
            assert (table.cursor_column, screen.lines[0]) == (column_id, header)
        assert screen.lines[1] == "▸one0      two0      thr"


async def test_the_first_cell_is_the_first_in_view() -> None:
    for key in ("left", "right"):
        table = worded("one", "two", "three", "four")
        async with on_screen(table, items(2), size=(25, 6)) as screen:
            table.scroll_to(x=5, animate=False)
            await screen.press(key)
            assert table.cursor_column == "two"


async def test_a_column_wider_than_the_screen_is_scrolled_through() -> None:
    wide = Column[Item]("wide", "WIDE", 26, False, lambda _item: "abcdefghijklmnopqrstuvwxyz")
    table = make_table(PID, wide, LOAD)
    async with on_screen(table, items(2), size=(12, 6)) as screen:
        seen: list[tuple[str | None, str]] = []
        for key in ("right",) * 6 + ("left",) * 5:
            await screen.press(key)
            seen.append((table.cursor_column, screen.lines[1]))
        columns: list[str | None] = ["pid", *["wide"] * 3, "load"]
        assert [column_id for column_id, _ in seen] == [*columns, *columns[::-1], "pid"]
        assert [line for _, line in seen[:5]] == [
            "▸     0 abc",
            "▸abcdefghij",
            "▸klmnopqrst",
            "▸qrstuvwxyz",
            "▸wxyz     0",
        ]
        assert [line for _, line in seen[6:10]] == ["▸qrstuvwxyz", "▸ghijklmnop", "▸abcdefghij", "▸     0 abc"]


async def test_the_current_cell_stays_on_its_column() -> None:
    table = make_table(PID, LOAD, NAME)
    async with on_screen(table, items(2)) as screen:
        await screen.press("right", "right", "down")
        assert table.cursor_key == 1
        seen = []
        for columns in ([NAME, LOAD], [PID, NAME], [LOAD, PID, NAME]):
            table.set_columns(columns)
            seen.append(table.cursor_column)
        assert seen == ["load", None, "load"]
        await screen.press("right")
        assert table.cursor_column == "pid"


@pytest.mark.parametrize("no_color", [False, True])
@pytest.mark.parametrize("theme", ["textual-dark", "ansi-dark"])
async def test_the_current_cell_is_reversed_while_the_table_has_the_focus(
    theme: str, no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    table = make_table(PID, LOAD, NAME, ascii_only=True)
    async with on_screen(table, items(3)) as screen:
        screen.app.theme = theme

        async def reversed_texts() -> list[str]:
            await screen.pilot.pause()
            return [
                segment.text
                for y in range(4)
                for segment in screen.segments(y)
                if segment.style is not None and segment.style.reverse
            ]

        assert await reversed_texts() == []
        await screen.press("right", "right", "down")
        assert await reversed_texts() == ["   10"]
        await screen.press("right")
        assert await reversed_texts() == ["name1".ljust(15)]
        screen.app.set_focus(None)
        assert await reversed_texts() == []
        table.focus()
        assert await reversed_texts() == ["name1".ljust(15)]


async def test_a_click_chooses_the_cell() -> None:
    table = make_table(PID, LOAD, NAME)
    async with on_screen(table, items(100)) as screen:
        for x, column_id in ((0, None), (1, "pid"), (13, "load"), (0, "load"), (28, "name")):
            await screen.click(x, 3)
            assert (table.cursor_column, table.cursor_key) == (column_id, 2)
        await screen.click(10, 0)
        assert (table.cursor_column, table.cursor_key) == ("name", 2)


async def test_the_wheel_scrolls_the_view_and_not_the_cursor() -> None:
    rows = items(100)
    async with on_screen(rows=rows) as screen:
        await screen.press("down")
        for _ in range(5):
            await screen.wheel(MouseScrollDown)
        top = screen.lines[1]
        assert top == "     15 name15"
        assert screen.cursor() == 1
        await screen.show([replace(row, load=1) for row in rows])
        assert screen.lines[1] == top
        await screen.press("down")
        assert screen.marked == ["2 name2"]


async def test_the_wheel_answers_at_once_after_the_rows_got_fewer() -> None:
    async with on_screen(rows=items(100)) as screen:
        for _ in range(40):
            await screen.wheel(MouseScrollDown)
        await screen.show(items(30))
        assert screen.lines[9] == "     29 name29"
        await screen.wheel(MouseScrollUp)
        assert screen.lines[9] == "     26 name26"


async def test_home_shows_the_top_even_if_the_cursor_is_there_already() -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.wheel(MouseScrollDown)
        assert screen.marked == []
        await screen.press("home")
        assert screen.marked == ["0 name0"]


async def test_the_scrollbar_knows_how_many_rows_there_are() -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.show(items(5000))
        assert screen.app.table.vertical_scrollbar.window_virtual_size == 5001


# What a line looks like.


@pytest.mark.parametrize("text", ["[red]x[/]", "[/", "[b", "[@click=app.quit]q[/]", r"\x1b[31mred", "{x}", "$text"])
async def test_texts_are_drawn_as_they_are(text: str) -> None:
    table = make_table(PID, replace(NAME, title=text), empty=text)
    async with on_screen(table, [Item(1, text)], size=(40, 6)) as screen:
        assert screen.lines[0] == f"    PID {text}"
        assert screen.lines[1] == f"▸     1 {text}"
        await screen.show([])
        assert screen.lines[1] == f" {text}"


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("日本", "日本 |", " 日本|"),
        ("日本語", "日本…|", "日本…|"),
        ("a日本語", "a日 …|", "a日 …|"),
        ("🐍", "🐍   |", "   🐍|"),
        ("é", "é    |", "    é|"),
        ("abcde", "abcde|", "abcde|"),
        ("abcdef", "abcd…|", "abcd…|"),
        ("", "     |", "     |"),
    ],
)
async def test_wide_characters_take_two_cells_and_do_not_shift_what_follows(text: str, left: str, right: str) -> None:
    bar = Column[Item]("bar", "|", 1, False, lambda _item: "|")
    for is_right, cells in ((False, left), (True, right)):
        name = Column[Item]("name", "NAME", 5, is_right, lambda item: item.name)
        async with on_screen(make_table(name, bar), [Item(1, text)]) as screen:
            line = screen.line(1)
            assert line[1:].replace(" |", "|", 1).rstrip() == cells
            assert cell_len(line[: line.index("|")]) == 7


async def test_a_wide_character_cut_by_the_edge_keeps_the_line_its_length() -> None:
    wide = [Column[Item](name, "日本語日本", 10, False, lambda _item: "語語語語語") for name in "abcd"]
    for width in range(10, 14):
        async with on_screen(make_table(*wide), items(2), size=(width, 6)) as screen:
            for _ in wide:
                room = screen.app.table.scrollable_size.width
                assert {cell_len(screen.line(y)) for y in range(3)} == {room}
                await screen.press("right")


async def test_wide_characters_are_painted_anew_where_they_were_cut() -> None:
    name = Column[Item]("name", "NAME", 5, False, lambda item: item.name)
    async with on_screen(make_table(name, PID), [Item(1, "日本語")] * 2) as screen:
        assert screen.line(1).startswith("▸日本… ")
        assert await screen.spans([Item(1, "a日本語"), Item(1, "日本語")]) == [(1, 1, 6)]
        assert screen.line(1).startswith("▸a日 … ")
        assert screen.line(2).startswith(" 日本… ")


async def test_the_last_column_takes_what_is_left() -> None:
    text = "x" * 50
    async with on_screen(rows=[Item(1, text)]) as screen:
        assert screen.line(1) == "▸     1 " + "x" * 20 + "…"
        await screen.pilot.resize_terminal(80, 10)
        await screen.pilot.pause()
        assert screen.lines[1] == "▸     1 " + text
        assert not screen.app.table.show_horizontal_scrollbar


async def test_the_last_column_keeps_room_for_its_title() -> None:
    async with on_screen(make_table(PID, NAME), items(1), size=(8, 6)) as screen:
        assert screen.app.table.show_horizontal_scrollbar
        await screen.press("right", "right")
        assert screen.lines[:2] == ["  NAME", "▸ name0"]


async def test_other_columns_can_be_shown() -> None:
    async with on_screen(rows=items(2)) as screen:
        screen.app.table.set_columns([LOAD, PID])
        await screen.pilot.pause()
        assert screen.lines[:3] == ["  LOAD    PID", "▸    0      0", "    10      1"]


@pytest.mark.parametrize(
    ("ascii_only", "reverse", "header"),
    [
        (False, False, "  PID▲ NAME"),
        (False, True, "  PID▼ NAME"),
        (True, False, "  PID^ NAME"),
        (True, True, "  PIDv NAME"),
    ],
)
async def test_the_header_says_what_the_rows_are_sorted_by(ascii_only: bool, reverse: bool, header: str) -> None:
    async with on_screen(make_table(replace(PID, width=5), NAME, ascii_only=ascii_only)) as screen:
        screen.app.table.set_sort("pid", reverse)
        await screen.pilot.pause()
        assert screen.lines[0] == header
        screen.app.table.set_sort(None, False)
        await screen.pilot.pause()
        assert screen.lines[0] == "   PID NAME"


async def test_the_arrow_stays_when_the_title_fills_its_column() -> None:
    async with on_screen(make_table(replace(LOAD, width=4), PID)) as screen:
        screen.app.table.set_sort("load", True)
        await screen.pilot.pause()
        assert screen.lines[0] == " LO…▼    PID"


async def test_ascii_only_draws_ascii() -> None:
    async with on_screen(make_table(PID, NAME, ascii_only=True), [Item(1, "x" * 50)]) as screen:
        screen.app.table.set_sort("pid", True)
        await screen.pilot.pause()
        assert screen.line(1) == ">     1 " + "x" * 20 + "~"
        assert all(line.isascii() for line in screen.lines)


@pytest.mark.parametrize("no_color", [False, True])
async def test_the_cursor_line_is_marked_and_bold_and_no_other(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    async with on_screen(rows=items(4)) as screen:
        await screen.press("down")
        assert screen.marked == ["1 name1"]
        assert [bool(screen.style_of(y, "name").bold) for y in range(1, 5)] == [False, True, False, False]
        assert screen.style_of(2, "name").bgcolor != screen.style_of(4, "name").bgcolor


async def test_rows_and_cells_wear_their_classes_and_the_cursor_on_top() -> None:
    name = replace(NAME, style=lambda item: "table--error" if item.pid == 2 else "")
    table = make_table(PID, name, row_class=lambda item: "table--dim" if item.pid in (2, 4) else "")
    async with on_screen(table, items(6)) as screen:
        assert screen.style_of(3, "name2").bold
        assert not screen.style_of(3, "2 ").bold
        assert screen.style_of(3, "2 ").color == screen.style_of(5, "name4").color
        assert screen.style_of(5, "name4").color != screen.style_of(4, "name3").color
        assert screen.style_of(3, "name2").color != screen.style_of(5, "name4").color
        assert screen.style_of(2, "name1").bgcolor != screen.style_of(3, "2 ").bgcolor
        screen.app.table.select(2)
        await screen.pilot.pause()
        assert screen.style_of(3, "name2").bgcolor == screen.style_of(3, "▸").bgcolor
        assert screen.style_of(3, "name2").bgcolor != screen.style_of(5, "name4").bgcolor


async def test_a_row_may_wear_several_classes_and_take_them_off() -> None:
    new = {1}
    table = make_table(row_class=lambda item: "table--dim table--bold" if item.pid in new else "table--dim")
    rows = items(4)
    async with on_screen(table, rows) as screen:
        assert [bool(screen.style_of(y, "name").bold) for y in (2, 3)] == [True, False]
        assert screen.style_of(2, "name").color == screen.style_of(4, "name").color
        new.clear()
        assert [span[0] for span in await screen.spans(rows)] == [2]
        assert not screen.style_of(2, "name").bold


async def test_a_dim_row_is_dim_in_the_colours_of_the_terminal() -> None:
    async with on_screen(make_table(row_class=lambda item: "table--dim" if item.pid else ""), items(2)) as screen:
        screen.app.theme = "ansi-dark"
        await screen.pilot.pause()
        assert screen.style_of(2, "name1").dim
        assert not screen.style_of(1, "name0").dim


# Too small, or nothing at all.


async def test_an_empty_table_says_why_under_its_header() -> None:
    async with on_screen(make_table(empty="waiting for the first event"), size=(20, 6)) as screen:
        assert screen.lines == ["    PID NAME", " waiting for the", " first event", "", "", ""]
        screen.app.table.empty = "filtered"
        await screen.pilot.pause()
        assert screen.lines[1:3] == [" filtered", ""]
        await screen.show(items(1))
        assert screen.lines[1:3] == ["▸     0 name0", ""]


KEYS = ("down", "up", "pagedown", "pageup", "ctrl+d", "ctrl+u", "end", "home", "G", "g", "left", "right")


async def test_a_table_of_no_height_takes_rows_and_keys() -> None:
    async with on_screen(rows=items(100)) as screen:
        table = screen.app.table
        table.styles.height = 0
        await screen.pilot.pause()
        assert table.size.height == 0
        await screen.press(*KEYS, "down")
        await screen.show(items(50)[::-1])
        table.toggle_mark()
        assert screen.cursor() == 1
        table.styles.height = "1fr"
        await screen.pilot.pause()
        await screen.show(items(50))
        assert screen.lines[2] == "◉     1 name1"


@pytest.mark.parametrize("size", [(5, 2), (1, 1), (3, 3), (40, 1)])
@pytest.mark.parametrize("count", [0, 100])
async def test_a_table_too_small_to_read_takes_all_keys(size: tuple[int, int], count: int) -> None:
    async with on_screen(make_table(PID, LOAD, NAME, empty="nothing to see"), items(count), size=size) as screen:
        await screen.press(*KEYS)
        await screen.press("down")
        assert screen.cursor() == (1 if count else None)
        assert all(cell_len(line) <= size[0] for line in screen.lines)


async def test_a_table_without_columns_is_blank() -> None:
    table: Table = VirtualTable(columns=(), key=lambda item: item.pid)
    async with on_screen(table, items(3)) as screen:
        assert screen.lines[:4] == ["", "▸", "", ""]


def test_no_key_shows_in_the_footer() -> None:
    assert not [key for key in VirtualTable.BINDINGS if not isinstance(key, Binding) or key.show]
