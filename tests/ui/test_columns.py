"""Which columns there are, at each size."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from epolltop.ui.dialogs.help import Help
from tests.support.fake_source import Task, batch_of
from tests.support.records import event

from .app_on_screen import ALL, NGINX, on_screen

pytestmark = pytest.mark.usefixtures("in_a_directory_of_its_own")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36), (250, 70), (20, 5)])
async def test_header_footer_and_rows_at_every_size(size: tuple[int, int]) -> None:
    async with on_screen(size=size) as screen:
        await screen.until(lambda: screen.lines[0].startswith(" ✓ nothing found"))
        assert len(screen.lines) == size[1]
        await screen.until(lambda: " Enter Open" in screen.lines[-1])
        assert "redis" in screen.within("#processes")[1]
        await screen.press("question_mark")
        await screen.until(lambda: isinstance(screen.app.screen, Help))
        await screen.press("escape", "slash", *"nginx", "enter", "space", "tab", "e")


async def test_columns_follow_the_size() -> None:
    async with on_screen(size=(20, 5)) as screen:
        for width, height, missing in ((60, 15, "CREATED"), (120, 36, "none"), (80, 24, "TREND")):
            await screen.pilot.resize_terminal(width, height)
            await screen.sees("PID", "OPEN", "COMMAND")
            assert missing not in screen.within("#processes")[0]
            assert len(screen.lines) == height
            widths = {len(strip) for strip in map(str.rstrip, screen.within("#processes"))}
            assert max(widths) <= width
            assert not screen.table("processes").show_horizontal_scrollbar


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_the_first_view_tells_when_descriptors_run_out(width: int) -> None:
    async with on_screen(batch_of(NGINX), size=(width, 24)) as screen:
        await screen.sees("FULL")
        titles, row = screen.within("#processes")[:2]
        assert {"FDS", "LIMIT", "FULL", "FINDING/COMMAND▼"} <= set(titles.split())
        end = titles.index("FULL") + len("FULL")
        assert row[:end].split()[-1] in ("?", "-")
        await screen.tick(*(batch_of(replace(NGINX, fds=12 + 10 * step)) for step in range(1, 31)))
        same, row = screen.within("#processes")[:2]
        assert same == titles
        assert re.fullmatch("1m[0-9]+s", row[:end].split()[-1])  # 1,012 left, 10 a second


async def test_events_keep_the_argument_beside_their_detail() -> None:
    async with on_screen(batch_of(NGINX, events=[event()]), size=(120, 36)) as screen:
        await screen.press("3")
        await screen.sees("NAME            RESULT  ARG ", "created an epoll instance")


async def test_columns_about_containers_come_and_go_when_one_asks_not_with_a_refresh() -> None:
    def told() -> set[str]:
        return {"CONTAINER", "NSPID"} & set(screen.within("#processes")[0].split())

    async with on_screen(batch_of(*ALL), size=(140, 36)) as screen:
        assert not told()
        await screen.press("right")
        await screen.tick(batch_of(*ALL, Task(101, "web", container="3f2a81d09c" * 6 + "0d4c", ns_pid=1)))
        await screen.press("less_than_sign", "greater_than_sign", "slash", *"web", "escape")
        assert not told()
        await screen.press("ctrl+l")
        assert told() == {"CONTAINER", "NSPID"}
        (line,) = [line for line in screen.within("#processes") if " 101 " in line]
        assert {"3f2a81d09c3f", "1"} <= set(line.split())
        assert screen.table("processes").cursor_column == "pid"
        await screen.press("2", "1")
        await screen.sees("CONTAINER")
        await screen.tick(batch_of(*ALL))
        await screen.until_the_gone_are_gone()
        assert told() == {"CONTAINER", "NSPID"}
        await screen.press("2", "1")
        await screen.until(lambda: not told())
