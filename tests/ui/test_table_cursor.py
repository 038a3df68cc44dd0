from __future__ import annotations

import time
from dataclasses import replace

import pytest
from textual.events import MouseScrollDown

from epolltop.ui.table.layout import Column
from tests.ui.table_on_screen import LOAD, NAME, PID, Item, Screen, TableApp, items, make_table, on_screen

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
