from __future__ import annotations

from dataclasses import replace

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from epolltop.ui.table.layout import Column
from tests.ui.table_on_screen import LOAD, NAME, PID, Item, items, make_table, on_screen, worded

# Scrolling.


async def test_the_header_stays_while_the_rows_scroll() -> None:
    async with on_screen(rows=items(100)) as screen:
        await screen.press("end")
        assert screen.lines[0] == "    PID NAME"
        assert screen.lines[1] == "     91 name91"


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
