"""A filter while it is typed."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from epolltop.ui.dialogs.picker import Picker
from epolltop.ui.widgets.filter_bar import FilterBar

from .app_on_screen import on_screen


async def test_the_filter_applies_while_typing() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"ng")
        await screen.until(lambda: screen.rows() == ["42"])
        await screen.press(*"inxx")
        await screen.sees("None of 3 processes matches the filter 'nginxx'.")
        await screen.press("backspace", "enter")
        await screen.until(lambda: screen.rows() == ["42"])
        assert "filter: nginx " in screen.text
        assert not screen.app.query_one(FilterBar).is_open
        await screen.tick()
        assert screen.rows() == ["42"]


async def test_half_of_a_comparison_is_no_word_that_nothing_matches() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"redis open")
        await screen.sees("None of 3 processes matches")
        for typed in "", ">", "x":
            await screen.press(*typed)
            assert bool(typed) == (screen.rows() == ["77"])
            assert bool(typed) == ("in force: redis\n" in screen.text.replace(" \n", "\n"))
        await screen.press("backspace", "1", "enter")
        await screen.sees("filter: redis open>1 ")


async def test_a_bad_filter_says_where_and_keeps_the_last_good_rows() -> None:
    async with on_screen() as screen:
        bar = screen.app.query_one("#filter", Input)
        await screen.press("slash", *"open>2")
        assert screen.rows() == ["77", "42"]
        bar.value = "open>2 nope>1"  # as if pasted: "open>2 nope" would be a good one
        await screen.sees("there is no field 'nope'")
        typed, error, in_force = screen.lines[-4:-1]
        assert error.index("^ there") == typed.index("nope")
        assert in_force.strip() == "in force: open>2"
        assert screen.rows() == ["77", "42"]
        await screen.tick()
        assert screen.rows() == ["77", "42"]
        await screen.press("enter")
        await screen.sees("there is no field 'nope'")
        await screen.press("end", "ctrl+u", *"open>2", "enter")
        assert "there is no field" not in screen.text
        await screen.press("slash")
        assert bar.value == "open>2"


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("before", ["", "open>=0 " * 11, "日本語 " * 9, "e\u0301 " * 30])
async def test_a_mistake_is_explained_in_sight_wherever_it_is(width: int, before: str) -> None:
    async with on_screen(size=(width, 24)) as screen:
        await screen.press("slash")
        screen.app.query_one("#filter", Input).value = f"{before}nope>1 {before}"
        await screen.until(lambda: "there is no field" in " ".join(screen.text.split()))
        lines = [line for line in screen.lines[:-1] if "^" in line or "nope>1" in line]  # the footer has a ^C
        at, caret = (cell_len(line[: line.index(sign)]) for line, sign in ((lines[-2], "nope>1"), (lines[-1], "^")))
        assert at == caret
        assert f"in force: {before.strip()[:8] or 'no filter'}" in screen.text


async def test_enter_does_not_take_a_filter_that_is_none() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"open>>3", "enter")
        assert screen.app.query_one(FilterBar).is_open
        await screen.sees("is no number")
        await screen.press("escape", "slash", "up")
        assert screen.app.query_one("#filter", Input).value == ""


async def test_escape_clears_the_filter_and_never_quits() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"redis")
        await screen.until(lambda: screen.rows() == ["77"])
        await screen.press("escape")
        await screen.until(lambda: len(screen.rows()) == 3)
        assert "filter:" not in screen.text
        await screen.press("slash", *"redis", "enter")
        await screen.until(lambda: screen.rows() == ["77"])
        await screen.press("escape")
        await screen.until(lambda: len(screen.rows()) == 3)
        await screen.press("escape", "escape")
        assert screen.app.is_running


async def test_keys_are_text_in_the_filter_bar() -> None:
    async with on_screen() as screen:
        await screen.press("slash")
        assert {"Esc Clear", "F1 Help", "^C Quit"} == set(re.split("  +", screen.lines[-1].strip()))
        await screen.press("escape")
        await screen.press("slash", *"qe?r<>", "space", "p")
        assert screen.app.query_one("#filter", Input).value == "qe?r<> p"
        assert screen.app.is_running


async def test_history_of_filters() -> None:
    async with on_screen() as screen:
        for text in ("nginx", "node"):
            await screen.press("slash", "ctrl+u", *text, "enter")
        await screen.press("slash", "up", "up")
        assert screen.app.query_one("#filter", Input).value == "nginx"
        assert screen.rows() == ["42"]
        await screen.press("down", "enter")
        assert screen.rows() == ["99"]
        assert not screen.app.query_one(FilterBar).is_open


async def test_a_filter_that_is_opened_again_is_replaced_by_typing_and_written_on_from_its_end() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"open", "enter", "slash", "end", "greater_than_sign", "2")
        assert screen.app.query_one("#filter", Input).value == "open>2"
        await screen.press("enter", "2", "slash", *"fds:4")
        assert screen.app.query_one("#filter", Input).value == "fds:4"


async def test_help_and_lists_open_over_the_filter_bar() -> None:
    async with on_screen() as screen:
        await screen.press("slash", "o", "f1")
        await screen.sees("Keys: Views and rows")
        await screen.press("escape", "tab", "p", "f6")
        assert isinstance(screen.app.screen, Picker)
        await screen.press("escape", *"en>2")
        await screen.sees("filter: open>2 ")
        assert "/ Filter" not in screen.lines[-1]
