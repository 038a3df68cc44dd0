"""Keys that make a filter of what is on screen."""

from __future__ import annotations

import pytest
from textual.widgets import OptionList

from .app_on_screen import on_screen

pytestmark = pytest.mark.usefixtures("order_not_held")


async def test_only_this_value_and_not_this_value() -> None:
    async with on_screen() as screen:
        await screen.press("right", "right", "f")  # USER of redis
        assert screen.rows() == ["77"]
        assert 'filter: user="redis"' in screen.text
        await screen.press("escape", "exclamation_mark")
        assert screen.rows() == ["42", "99"]


async def test_the_opposite_of_what_a_cell_asked_for_takes_its_place() -> None:
    async with on_screen() as screen:
        await screen.press("right", "right", "right", "f", "exclamation_mark")  # OPEN of redis
        assert "filter: open<20" in screen.text
        assert screen.rows() == ["42", "99"]
        await screen.press("f")
        assert "filter: open>=3" in screen.text
        assert screen.rows() == ["77", "42"]


async def test_what_was_typed_stays_beside_what_cells_ask_for() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"open>=1 !name=x", "enter", "right", "right", "right", "f", "left", "f")
        assert 'filter: open>=1 !name=x open>=20 user="redis"' in screen.text
        await screen.press("right", "exclamation_mark")
        assert 'filter: open>=1 !name=x user="redis" open<20' in screen.text


async def test_the_value_of_the_sorted_column_is_taken_where_no_cell_is_chosen() -> None:
    async with on_screen() as screen:
        await screen.press("s", *"open", "enter", "down", "f")
        assert screen.rows() == ["77", "42"]
        assert "filter: open>=3" in screen.text


async def test_of_a_row_without_a_finding_the_command_is_taken_that_its_cell_shows() -> None:
    async with on_screen() as screen:
        await screen.press("down", "f")
        assert 'filter: command="nginx: worker process"' in screen.text
        assert screen.rows() == ["42"]
        await screen.press("exclamation_mark")
        assert 'filter: command!="nginx: worker process"' in screen.text
        assert screen.rows() == ["77", "99"]


async def test_conditions_add_up_and_keep_an_or_together() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"redis or node", "enter", "right", "right", "right", "down", "f")
        assert "filter: (redis or node) open>=1" in screen.text
        assert screen.rows() == ["77", "99"]


@pytest.mark.parametrize("typed", ["redis || node", "redis|node", "(redis) OR (node)"])
async def test_so_does_a_choice_in_other_signs(typed: str) -> None:
    async with on_screen() as screen:
        await screen.press("slash", *typed, "enter", "right", "right", "right", "down", "f")
        assert f"filter: ({typed}) open>=1" in screen.text
        assert screen.rows() == ["77", "99"]


async def test_an_unknown_value_asks_for_what_is_not_known() -> None:
    async with on_screen(size=(200, 36)) as screen:
        await screen.press("2", *["right"] * 6, "f")
        await screen.sees("=?")
        assert "matches the filter" not in screen.text


async def test_a_filter_goes_along_to_another_view_if_its_rows_have_the_fields() -> None:
    async with on_screen(size=(200, 36)) as screen:
        await screen.press("slash", *"name:redis", "enter", "2")
        await screen.sees("filter: name:redis")
        await screen.press("escape", "1", "slash", "end", *" open>0", "enter", "2")
        await screen.sees("The filter does not apply here: there is no field 'open'")
        assert "filter:" not in screen.text
        await screen.press("1")
        await screen.sees("filter: name:redis open>0")


async def test_a_user_is_picked_from_those_there_are() -> None:
    async with on_screen() as screen:
        await screen.press("u")
        options = screen.app.screen.query_one(OptionList)
        users = [options.get_option_at_index(at).id for at in range(options.option_count)]
        assert users == ["node", "redis", "www-data"]
        await screen.press(*"red", "enter")
        assert screen.rows() == ["77"]
        await screen.press("u", "escape")
        assert screen.rows() == ["77"]


async def test_events_have_no_user_to_pick() -> None:
    async with on_screen() as screen:
        await screen.press("3", "u")
        await screen.sees("events have no user")
