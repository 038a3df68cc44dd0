from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from epolltop.ui.table.layout import Column
from tests.ui.table_on_screen import LOAD, NAME, PID, Item, Screen, items, make_table, on_screen

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
