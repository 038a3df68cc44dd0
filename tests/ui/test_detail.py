"""The detail pane alone on a terminal: how it wraps, and what it paints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from rich.text import Text
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult

from epolltop.model.event import Kind
from epolltop.query.story import StoryLine, raw_story
from epolltop.text.glyphs import in_ascii
from epolltop.ui.widgets import detail
from epolltop.ui.widgets.detail import Detail
from tests.support.fake_source import batch_of
from tests.support.records import NOW_NS, SECOND_NS, event

from .app_on_screen import NGINX, on_screen

STORY: list[StoryLine] = [
    (None, "nginx (42) created an epoll instance"),
    ("instance", "42/7"),
    ("age", "3 s"),
    (None, "stack"),
    ("at", "one two three four five"),
]


class _Alone(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.detail = Detail(lambda text: text.replace("µ", "u"), id="detail")
        self.painted: list[Any] = []

    def compose(self) -> ComposeResult:
        yield self.detail

    def _display(self, screen: Any, renderable: Any) -> None:
        """Where Textual writes to the terminal, if there is one."""
        self.painted.append(renderable)
        super()._display(screen, renderable)

    @property
    def lines(self) -> list[str]:
        strips = self.detail.screen._compositor.render_strips()
        lines = ("".join(segment.text for segment in strip).rstrip() for strip in strips)
        return [line for line in lines if line]


async def test_lines_are_wrapped_beside_their_labels_at_every_width() -> None:
    app = _Alone()
    async with app.run_test(size=(24, 12)) as pilot:
        app.detail.show(STORY)
        await pilot.pause()
        assert app.lines == [
            "nginx (42) created an",
            "epoll instance",
            "instance 42/7",
            "age      3 s",
            "stack",
            "at one two three four",
            "   five",
        ]
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert app.lines == [
            "nginx (42) created an epoll instance",
            "instance 42/7",
            "age      3 s",
            "stack",
            "at one two three four five",
        ]


async def test_only_the_line_that_differs_is_painted() -> None:
    app = _Alone()
    async with app.run_test(size=(60, 12)) as pilot:
        app.detail.show(STORY)
        await pilot.pause()
        app.painted.clear()
        app.detail.show([*STORY])
        await pilot.pause()
        assert app.painted == []
        app.detail.show([*STORY[:2], ("age", "4 s"), *STORY[3:]])
        await pilot.pause()
        assert {y for update in app.painted if isinstance(update, ChopsUpdate) for y, _, _ in update.spans} == {2}
        assert all(isinstance(update, ChopsUpdate) for update in app.painted), "the whole screen"
        assert app.lines[2] == "age      4 s"
        app.detail.show([*STORY, ("more", "5 µs")])
        await pilot.pause()
        assert app.lines[-2:] == ["at   one two three four five", "more 5 us"]


async def test_a_pane_too_narrow_for_its_labels_still_shows_what_they_say() -> None:
    app = _Alone()
    async with app.run_test(size=(6, 30)) as pilot:
        app.detail.show([("a label", "abc")])
        await pilot.pause()
        assert app.lines == ["a … ab", "    c"]


async def test_without_a_locale_the_ellipsis_is_ascii_too() -> None:
    app = _Alone()
    app.detail = Detail(in_ascii, id="detail")
    async with app.run_test(size=(6, 30)) as pilot:
        app.detail.show([("a label", "abc")])
        await pilot.pause()
        assert "".join(app.lines).isascii()


async def test_nothing_is_wrapped_for_a_pane_that_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    app = _Alone()
    wraps: list[int] = []

    def wrapped(_self: object, width: int) -> Iterator[Text]:
        wraps.append(width)
        yield Text("told")

    monkeypatch.setattr(detail._Story, "_wrapped", wrapped)
    app.detail.display = False
    async with app.run_test(size=(60, 12)) as pilot:
        app.detail.show(STORY)
        await pilot.pause()
        assert wraps == []
        app.detail.display = True
        await pilot.pause()
        assert wraps == [60]


async def test_the_detail_pane_shows_every_field_of_the_event_and_stays_on_it() -> None:
    first = [event(time_ns=NOW_NS + n, fd=100 + n, since_ns=NOW_NS + n) for n in range(3)]
    async with on_screen(batch_of(NGINX, events=first), size=(250, 110)) as screen:
        await screen.sees("nginx (42) created an epoll instance")
        await screen.press("tab", "tab", "down", "v")
        assert any(re.search(r"returnValue +101\b", line) for line in screen.within("#detail"))
        detail = screen.within("#detail")
        for name, value in raw_story(first[1], screen.app.main_screen.ring.latest):  # type: ignore[arg-type]
            assert any(re.search(rf"\b{name} +{re.escape(value)}", line) for line in detail), name
        more = [event(time_ns=NOW_NS + SECOND_NS + n, fd=200 + n, since_ns=NOW_NS + n + 9) for n in range(5)]
        await screen.tick(batch_of(NGINX, events=more))
        assert any("204" in line for line in screen.within("#events"))
        assert screen.within("#detail") == detail


async def test_the_detail_pane_tells_each_kind_of_event() -> None:
    stories = {
        Kind.CREATE: "nginx (42) created an epoll instance",
        Kind.CREATE_FAILED: "nginx (42) could not create an epoll instance",
        Kind.RELEASE: "nginx (42) dropped the last reference to an epoll instance after 1 second",
        Kind.FOUND: "a census found an instance in nginx (42)",
        Kind.GONE: "a census no longer shows an instance of nginx (42)",
    }
    for kind, story in stories.items():
        happened = event(kind=kind, time_ns=NOW_NS, created_ns=NOW_NS - SECOND_NS)
        async with on_screen(batch_of(NGINX, events=[happened]), size=(250, 70)) as screen:
            await screen.sees(story)
