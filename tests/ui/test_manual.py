"""The manual on screen: the page of an event, scrolled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.containers import VerticalScroll
from textual.events import MouseScrollDown, MouseScrollUp

from epolltop.text.glyphs import in_ascii
from epolltop.ui.dialogs.manual import Manual, page
from tests.docs.pages import section

from .app_on_screen import Screen, on_screen

NAMES = ("epoll_create", "epoll_create1", "files_free", "epoll_found", "epoll_gone")


@asynccontextmanager
async def reading(
    name: str = "epoll_create", *, size: tuple[int, int] = (120, 36), ascii_only: bool = False
) -> AsyncIterator[tuple[Screen, VerticalScroll]]:
    """The app with a page open, and what scrolls it."""
    readable: Callable[[str], str] = in_ascii if ascii_only else str
    async with on_screen(size=size, ascii_only=ascii_only) as screen:
        await screen.app.push_screen(Manual(name, readable))
        await screen.sees("Intro")
        yield screen, screen.app.screen.query_one("#manual", VerticalScroll)
        if isinstance(screen.app.screen, Manual):
            await screen.press("escape")


def closed(screen: Screen) -> bool:
    return not isinstance(screen.app.screen, Manual)


@pytest.mark.parametrize("name", NAMES)
async def test_the_page_of_each_event_is_shown_whole(name: str) -> None:
    async with reading(name, size=(120, 400)) as (screen, _):
        for title in ("Description", "Arguments", "Hooks", "Issues", "Record"):
            await screen.sees(title)
        intro = section("epoll_create" if name == "epoll_create1" else name, "Intro").strip()
        await screen.sees(intro, '"by_census": false')


def test_an_unknown_event_has_no_page() -> None:
    with pytest.raises(KeyError):
        page("../../README")


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_keys_close_it_and_not_the_app(key: str) -> None:
    async with reading() as (screen, _):
        await screen.press(key)
        await screen.until(lambda: closed(screen))
        await screen.sees("24 instances in 3 processes")
        assert screen.app.is_running


@pytest.mark.parametrize(
    ("down", "up"), [("j", "k"), ("down", "up"), ("pagedown", "pageup"), ("G", "g"), ("end", "home")]
)
async def test_keys_scroll(down: str, up: str) -> None:
    async with reading() as (screen, scroll):
        await screen.press(down)
        expected = {"j": 1, "down": 1, "pagedown": scroll.container_size.height}
        assert scroll.scroll_y == expected.get(down, scroll.max_scroll_y) > 0
        await screen.sees(
            "Description" if down in ("j", "down") else "Arguments" if down == "pagedown" else "by_kernel"
        )
        await screen.press(up)
        assert scroll.scroll_y == 0


async def test_the_wheel_scrolls() -> None:
    async with reading() as (screen, scroll):
        await screen.pilot._post_mouse_events([MouseScrollDown], scroll, button=0)
        await screen.until(lambda: scroll.scroll_y > 0)
        await screen.pilot._post_mouse_events([MouseScrollUp], scroll, button=0)
        await screen.until(lambda: scroll.scroll_y == 0)


async def test_a_small_screen_is_enough() -> None:
    async with reading("epoll_found", size=(60, 15)) as (screen, scroll):
        assert scroll.region.width > 50
        assert scroll.max_scroll_x == 0, "lines are wrapped"
        seen = screen.text
        while scroll.scroll_y < scroll.max_scroll_y:
            before = scroll.scroll_y
            await screen.press("pagedown")
            assert scroll.scroll_y > before
            seen += screen.text
        for title in ("Description", "Arguments", "Hooks", "Issues", "Record"):
            assert title in seen
        assert '"eventName": "epoll_found"' in seen


async def test_nothing_but_ascii() -> None:
    async with reading(ascii_only=True, size=(80, 400)) as (screen, _):
        assert screen.text.isascii()


async def test_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with reading(size=(80, 400)) as (screen, _):
        await screen.sees('"by_census": false')
        for strip in screen.app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    red, green, blue = colour.get_truecolor() if colour else (0, 0, 0)
                    assert red == green == blue, segment


async def test_links_are_not_opened() -> None:
    async with reading(size=(120, 400)) as (screen, scroll):
        await screen.sees("watch-a-directory.md")
        for strip in screen.app.screen._compositor.render_strips()[scroll.region.y : scroll.region.bottom]:
            for segment in strip.crop(scroll.region.x, scroll.region.right):
                assert segment.style is None or (segment.style.link is None and "@click" not in segment.style.meta)
