"""The cursor stays on its row while rows come, go and are sorted anew."""

from __future__ import annotations

import time

import pytest

from epolltop.ui import main_screen
from tests.support.fake_source import Task, batch_of

from .app_on_screen import ALL, NGINX, NODE, REDIS, crumbs, on_screen


async def test_the_selection_stays_on_its_process_when_rows_are_sorted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_screen, "ORDER_HELD_S", 0)
    async with on_screen() as screen:
        await screen.press("down")
        assert screen.marked() == "42"
        await screen.tick(batch_of(REDIS, NODE, Task(42, open=30)))
        assert screen.rows() == ["42", "77", "99"]
        assert screen.marked() == "42"
        await screen.sees("instances of nginx (42)")
        await screen.press("r")
        assert screen.rows() == ["99", "77", "42"]
        assert screen.marked() == "42"


async def test_the_order_is_held_for_two_seconds_after_the_cursor_moved() -> None:
    async with on_screen() as screen:
        await screen.press("down")
        await screen.tick(batch_of(REDIS, NODE, Task(42, open=30), Task(50, "new", open=99)))
        await screen.sees("order held")
        assert screen.rows() == ["77", "42", "99", "50"]
        screen.table("processes").moved_at = time.monotonic() - main_screen.ORDER_HELD_S
        await screen.tick()
        assert screen.rows() == ["50", "42", "77", "99"]
        assert "order held" not in screen.text
        assert screen.marked() == "42"


MANY = tuple(Task(number, open=number) for number in range(100, 300))


@pytest.mark.parametrize("key", ["less_than_sign", "r"])
async def test_a_sort_shows_its_top(key: str) -> None:
    async with on_screen(batch_of(*MANY)) as screen:
        await screen.press("G", key)
        top = "100" if key == "r" else screen.rows()[0]
        await screen.until(lambda: screen.rows()[0] == top)
        assert screen.table("processes").scroll_offset.y == 0
        assert screen.marked() in screen.rows()
        await screen.tick()
        assert screen.table("processes").scroll_offset.y == 0


async def test_a_sort_leaves_a_row_in_view_that_is_followed() -> None:
    async with on_screen(batch_of(*MANY)) as screen:
        await screen.press("G", "K", "K", "F", "less_than_sign")
        assert screen.marked() == "102"
        assert "102" in screen.rows()


async def test_a_key_that_sorts_is_stronger_than_the_held_order() -> None:
    async with on_screen() as screen:
        await screen.press("down", "r")
        assert screen.rows() == ["99", "42", "77"]


async def test_the_selection_stays_on_its_process_when_others_vanish() -> None:
    async with on_screen() as screen:
        await screen.press("down")
        await screen.tick(batch_of(NGINX))
        await screen.until_the_gone_are_gone()
        await screen.until(lambda: screen.rows() == ["42"])
        assert screen.marked() == "42"
        await screen.tick(batch_of(*ALL))
        await screen.until(lambda: len(screen.rows()) == 3)
        assert screen.marked() == "42"


async def test_a_selected_process_that_vanishes_leaves_its_line_to_another() -> None:
    async with on_screen() as screen:
        await screen.press("down")
        await screen.tick(batch_of(REDIS, NODE))
        await screen.until_the_gone_are_gone()
        await screen.until(lambda: screen.rows() == ["77", "99"])
        assert screen.marked() == "99"
        await screen.sees("instances of node (99)")


@pytest.mark.usefixtures("order_not_held")
async def test_following_says_so_and_says_when_the_row_is_gone() -> None:
    async with on_screen() as screen:
        await screen.press("down", "F")
        assert "following" in crumbs(screen)
        await screen.tick(batch_of(REDIS, NODE))
        for _ in range(4):
            await screen.tick()
        await screen.sees("The followed row is gone.")
        assert "following" not in crumbs(screen)
