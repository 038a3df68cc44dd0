from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from textual.binding import Binding

from epolltop.ui.table.layout import Column
from epolltop.ui.table.virtual_table import VirtualTable
from tests.ui.table_on_screen import LOAD, NAME, PID, Item, Table, items, make_table, on_screen

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
