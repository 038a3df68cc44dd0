"""What is typed acts in its order, however it arrives."""

from __future__ import annotations

import asyncio
import os
import time
from random import Random

import pytest
from textual.widgets import Input

from epolltop.ui.app import EpolltopApp
from epolltop.ui.commands import navigate
from epolltop.ui.dialogs.pager import Pager
from epolltop.ui.dialogs.picker import Picker
from epolltop.ui.widgets.filter_bar import FilterBar
from tests.support.fake_source import batch_of

from .app_on_screen import ALL, BORN, NGINX, crumbs, exported, on_screen, rows
from .keystrokes import at_once, click, pasted, sent, typed

pytestmark = pytest.mark.usefixtures("in_a_directory_of_its_own", "order_not_held")


@pytest.mark.parametrize("before", [(), ("tab",), ("enter",), ("3",), ("backspace", "2"), ("f", "escape", "j", "m")])
async def test_keys_that_arrive_together_are_all_in_the_filter(before: tuple[str, ...]) -> None:
    async with on_screen() as screen:
        await at_once(screen, *before, "/", *"qqxqq", "backspace", "left", "left", "delete", *"y")
        assert screen.app.query_one("#filter", Input).value == "qqyq"
        await screen.sees("filter: qqyq ")
        assert screen.app.is_running


async def test_keys_that_arrive_together_act_in_their_order() -> None:
    async with on_screen() as screen:
        await at_once(screen, *"/open>22", "backspace", "enter", *"2/redis")
        await screen.sees("filter: redis ")
        assert screen.app.query_one(FilterBar).is_open
        assert "20 of 24 rows" in screen.text
        await at_once(screen, "enter", "1", "r")
        await screen.sees("by FINDING/COMMAND▲")
        assert screen.rows() == ["77"]
        await at_once(screen, "/", "escape", "j", "/", *"no", "enter", "m")
        await screen.sees("filter: no ")
        assert screen.rows() == ["99"]
        assert [row.pid for row in screen.app.main_screen.board.main.marked_rows()] == [99]


@pytest.mark.parametrize(
    ("keys", "seen"),
    [
        (("3", "f"), "filter: time="),
        (("2", "exclamation_mark"), "filter: age_s<2 "),
        (("2", "m", "Y"), "1 row sent to the terminal"),
        (("3", "e"), "Exported to"),
        (("3", ">"), "by EVENT"),
        (("3", "enter"), "instance 9"),
        (("enter", "enter"), "fd 4"),
        (("/", *"nginx", "enter", "enter"), "nginx (42)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
async def test_a_key_is_about_the_rows_that_keys_before_it_led_to(keys: tuple[str, ...], seen: str) -> None:
    async with on_screen(batch_of(*ALL, events=[BORN])) as screen:
        await at_once(screen, *keys)
        await screen.sees(seen)


async def test_keys_that_arrive_in_pieces_act_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[int] = []
    monkeypatch.setattr(navigate, "row", lambda _, rows: moved.append(rows))

    def type_in_pieces(app: EpolltopApp, keys: list[str]) -> None:
        for key in keys:
            if key == "pause":
                time.sleep(random.choice([0.0005, 0.001, 0.002, 0.004]))
            else:
                app._driver.send_message(typed(key))  # type: ignore[union-attr]

    async with on_screen() as screen:
        random = Random(3)
        for _ in range(40):
            tail = random.choices("JK", k=12)
            keys = ["/", *"no", "enter", *tail, "escape"]
            for at in sorted(random.sample(range(1, len(keys)), 6), reverse=True):
                keys.insert(at, "pause")
            moved.clear()
            await asyncio.to_thread(type_in_pieces, screen.app, keys)
            await screen.settle()
            assert moved == [{"J": 1, "K": -1}[key] for key in tail]
        assert screen.rows() == ["77", "42", "99"]


async def test_keys_of_the_detail_pane_act_in_their_order() -> None:
    async with on_screen(batch_of(NGINX, events=[BORN]), size=(80, 16)) as screen:
        await screen.press("3", "enter", "enter", "v")
        await at_once(screen, "down", "down", "escape")
        assert screen.app.query_one("#page").scroll_target_y == 2


async def test_keys_that_open_a_list_and_those_for_it_may_arrive_together() -> None:
    async with on_screen() as screen:
        await at_once(screen, "s", *"ppix", "backspace", "d", "enter", "r", "j")
        assert "by PPID" in crumbs(screen)
        assert screen.marked() == screen.rows()[1]
        await at_once(screen, "u", *"redd", "backspace", "enter", "u", "escape", "m")
        assert screen.rows() == ["77"]
        assert [row.pid for row in screen.app.main_screen.board.main.marked_rows()] == [77]
        await at_once(screen, "E", *"c", "backspace", "down", "down", "up", "enter", "2")
        await screen.sees("Exported to")
        (name,) = os.listdir()
        assert name.endswith(".csv")
        assert exported(name).splitlines()[1].startswith("77,")
        assert len(rows(screen, "instances")) > 3


async def test_keys_that_open_a_text_and_those_for_it_may_arrive_together() -> None:
    async with on_screen(batch_of(*ALL, events=[BORN]), size=(80, 24)) as screen:
        await at_once(screen, "?", "j", "j", "pagedown", "k")
        pager = screen.app.screen.query_one(Pager)
        assert pager.scroll_offset.y == 1 + pager.scrollable_content_region.height
        await at_once(screen, "G", "escape", "3", "d", "end", "home", "down", "j", "j")
        pager = screen.app.screen.query_one(Pager)
        assert (pager.id, pager.scroll_offset.y) == ("manual", 3)
        await at_once(screen, "q", "/", *"create", "?")
        await screen.sees("filter: create? ")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("?eq", {}),
        ("h 2Fq", {}),
        ("3d e2q", {"subject": "events"}),
        ("s\x1b[17~\x1bOP" + "ppid\rm", {"sort": "ppid", "marked": 1}),  # F6, F1
        ("/ngi\x1b[17~pid\r\rr", {"filter_text": "ngi", "sort": "pid", "reverse": True}),
        ("/ngi\x1bOPq\r2", {"filter_text": "ngi", "subject": "instances"}),
        ("/ng\x7f\n1r", {"filter_text": "n", "reverse": True}),
        ("/a" + pasted("BCD\nnever") + "ef\rr", {"filter_text": "aBCDef", "reverse": True}),
        ("s\t" + pasted("ppid") + "\rm", {"sort": "ppid", "marked": 1}),
        ("s\x1b[B\x1b[6~\x1b[5~\x1b[B\rm", {"sort": "user", "marked": 1}),  # Down to the first, PgDn, PgUp, Down
        ("s\x1b[B\x1b[6~\x1b[A\rm", {"sort": "net_per_min", "marked": 1}),  # Down to the first, PgDn, Up
        (pasted("/q\n2q") + "r", {"reverse": True}),
    ],
    ids=repr,
)
async def test_what_is_open_takes_all_that_is_typed_until_it_closes(text: str, left: dict[str, object]) -> None:
    async with on_screen(batch_of(*ALL, events=[BORN])) as screen:
        await sent(screen, text)
        here = screen.app.main_screen.trail.here
        found = {
            "subject": here.subject.id,
            "filter_text": here.filter_text,
            "sort": here.sort,
            "reverse": here.reverse,
            "marked": len(screen.app.main_screen.board.main.marked_rows()),
        }
        before = {"subject": "processes", "filter_text": "", "sort": "", "reverse": False, "marked": 0}
        assert found == before | left
        assert screen.app.screen is screen.app.default_screen
        assert screen.app.main_screen.ring.held is None
        assert not os.listdir()


async def test_a_click_chooses_once_and_only_what_is_there() -> None:
    async with on_screen() as screen:
        await sent(screen, "u")
        at = next(
            (line.index("redis"), y) for y, line in enumerate(screen.lines) if "redis" in line and "▸" not in line
        )
        await sent(screen, click(*at) * 3)
        await screen.until(lambda: screen.app.screen is screen.app.default_screen)
        await sent(screen, "s")
        await sent(screen, click(30, 15) + "qz")
        assert isinstance(screen.app.screen, Picker)
        await sent(screen, "\x7f\x7f" + "ppid\r")
        assert "by PPID" in crumbs(screen)
