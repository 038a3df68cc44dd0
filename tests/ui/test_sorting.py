"""Keys and clicks that sort."""

from __future__ import annotations

import re

from epolltop.ui.dialogs.picker import Picker

from .app_on_screen import Screen, crumbs, on_screen


def sorted_by(screen: Screen) -> str:
    """The marked heading and the arrow."""
    found = re.search(r"(\S+)([▲▼])", screen.within("#processes")[0])
    return "".join(found.groups()) if found else ""


async def test_keys_sort_by_the_next_and_the_previous_column() -> None:
    async with on_screen() as screen:
        assert sorted_by(screen) == "FINDING/COMMAND▼"
        await screen.press("greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert sorted_by(screen) == "OPEN▼"
        await screen.press("less_than_sign")
        assert sorted_by(screen) == "USER▲"
        assert screen.rows() == ["99", "77", "42"]
        await screen.press("less_than_sign")
        assert sorted_by(screen) == "PID▲"
        assert screen.rows() == ["42", "77", "99"]
        await screen.press("greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert sorted_by(screen) == "NEW/S▼"
        await screen.press("r")
        assert sorted_by(screen) == "NEW/S▲"


async def test_sorting_by_keys_marks_every_visible_column_in_turn() -> None:
    async with on_screen(size=(80, 24)) as screen:
        shown = re.findall(r"\S+", screen.within("#processes")[0])
        seen = []
        for _ in shown:
            seen.append(sorted_by(screen)[:-1])
            await screen.press("greater_than_sign")
        titles = [title.rstrip("▲▼") for title in shown]
        at = titles.index("FINDING/COMMAND")
        for title, marked in zip(titles[at:] + titles[:at], seen, strict=True):
            assert title.startswith(marked.rstrip("…"))


async def test_a_click_on_a_heading_sorts_and_again_turns_round() -> None:
    async with on_screen() as screen:
        x = screen.within("#processes")[0].index("PID")
        await screen.pilot.click("#processes", offset=(x, 0))
        await screen.until(lambda: screen.rows() == ["42", "77", "99"])
        await screen.pilot.click("#processes", offset=(x, 0))
        await screen.until(lambda: screen.rows() == ["99", "77", "42"])


async def test_what_to_sort_by_is_picked_also_what_is_no_column() -> None:
    async with on_screen() as screen:
        await screen.press("s")
        assert isinstance(screen.app.screen, Picker)
        await screen.press(*"ppid", "enter")
        assert "by PPID" in crumbs(screen)
