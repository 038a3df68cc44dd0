"""What each key does, as a person sees it."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from epolltop.model.event import Kind
from epolltop.ui.commands import navigate
from epolltop.ui.dialogs.picker import Picker
from epolltop.ui.keys import KEYS
from epolltop.ui.widgets.filter_bar import FilterBar
from tests.support.fake_source import Task, batch_of, file_of
from tests.support.records import NOW_NS, event

from .app_on_screen import ALL, NGINX, NODE, REDIS, Screen, on_screen
from .keystrokes import at_once

BORN = event(time_ns=NOW_NS, created_ns=NOW_NS, since_ns=NOW_NS, file=9, pid=42)
pytestmark = pytest.mark.usefixtures("in_a_directory_of_its_own")


def crumbs(screen: Screen) -> str:
    return screen.within("#crumbs")[0]


def rows(screen: Screen, table: str) -> list[str]:
    return [line for line in screen.within(f"#{table}")[1:] if line.strip(" ▸│▁▂▃▄▅▆▇█")]


def exported(name: str) -> str:
    return Path(name).read_text()


# Where.


async def test_digits_show_each_view_and_its_table_alone() -> None:
    async with on_screen(batch_of(*ALL, events=[BORN])) as screen:
        await screen.press("2")
        assert len(rows(screen, "instances")) == 25
        assert not screen.app.query_one("#processes").is_on_screen
        await screen.press("3")
        assert ["create" in line for line in rows(screen, "events")] == [True]
        assert not screen.app.query_one("#instances").is_on_screen
        await screen.press("1")
        assert screen.rows() == ["77", "42", "99"]


async def test_a_view_is_left_and_found_again_with_its_filter_and_order() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"open>2", "enter", "r", "2", "1")
        assert screen.rows() == ["42", "77"]


async def test_enter_drills_down_and_esc_and_backspace_come_back() -> None:
    async with on_screen() as screen:
        await screen.press("down", "enter")
        assert "▸ nginx (42)" in crumbs(screen)
        assert len(rows(screen, "instances")) == 3
        await screen.press("enter")
        assert "▸ nginx (42) ▸ fd 4" in crumbs(screen)
        await screen.press("backspace")
        assert crumbs(screen).count("▸") == 1
        await screen.press("escape")
        assert screen.rows() == ["77", "42", "99"]
        assert screen.marked() == "42"
        await screen.press("escape", "escape", "backspace")
        assert screen.app.is_running


async def test_esc_clears_the_filter_before_it_goes_back() -> None:
    async with on_screen() as screen:
        await screen.press("enter", "slash", *"fds:4", "enter")
        assert len(rows(screen, "instances")) == 2  # 4 and 14
        await screen.press("escape")
        assert len(rows(screen, "instances")) == 20
        assert "redis-server (77)" in crumbs(screen)
        await screen.press("escape")
        assert screen.rows() == ["77", "42", "99"]


async def test_enter_opens_nothing_without_rows_and_in_the_detail_pane() -> None:
    async with on_screen(batch_of(NGINX, events=[BORN])) as screen:
        await screen.press("3", "tab", "enter")
        assert screen.app.query_one("#events").is_on_screen
        await screen.press("2", "slash", *"nobody", "enter")
        before = crumbs(screen)
        await screen.press("enter")
        assert crumbs(screen) == before


async def test_enter_at_the_end_of_the_way_shows_the_detail_in_full_and_esc_leaves_it() -> None:
    async with on_screen(batch_of(NGINX, events=[BORN]), size=(80, 24)) as screen:
        await screen.press("3", "enter", "enter")
        assert screen.app.query_one("#page").region.height > 12
        assert not screen.app.query_one("#events").is_on_screen
        await screen.press("escape")
        assert screen.app.query_one("#events").is_on_screen


async def test_the_next_row_comes_without_leaving_the_detail() -> None:
    events = [BORN._replace(fd=100 + n, time_ns=NOW_NS + n, since_ns=NOW_NS + n) for n in range(3)]
    async with on_screen(batch_of(NGINX, events=events)) as screen:
        await screen.press("3", "tab", "J")
        assert "returned descriptor 101" in " ".join(" ".join(screen.within("#page")).split())
        await screen.press("K")
        assert "returned descriptor 102" in " ".join(" ".join(screen.within("#page")).split())


async def test_raw_fields_have_the_names_of_the_record_and_come_and_go() -> None:
    async with on_screen(batch_of(NGINX, events=[BORN])) as screen:
        await screen.press("3")
        assert not any("processId" in line for line in screen.within("#page"))
        await screen.press("v")
        assert any("processId" in line and "42" in line for line in screen.within("#page"))
        await screen.press("v")
        assert "nginx (42) created an epoll instance" in " ".join(screen.within("#page"))


async def test_the_page_of_the_selected_kind_of_event() -> None:
    released = BORN._replace(kind=Kind.RELEASE, time_ns=NOW_NS + 1, fd=None)
    async with on_screen(batch_of(NGINX, events=[BORN, released])) as screen:
        await screen.press("3", "d")
        assert "files_free" in screen.within("#manual")[1]
        await screen.press("escape", "down", "d")
        assert "epoll_create" in screen.within("#manual")[1]


# What.


async def test_only_this_value_and_not_this_value() -> None:
    async with on_screen() as screen:
        await screen.press("right", "right", "f")  # USER of redis
        assert screen.rows() == ["77"]
        assert 'filter: user="redis"' in screen.text
        await screen.press("escape", "exclamation_mark")
        assert screen.rows() == ["42", "99"]


async def test_the_opposite_of_what_a_cell_asked_for_takes_its_place() -> None:
    async with on_screen() as screen:
        await screen.press("f", "exclamation_mark")  # OPEN of redis
        assert "filter: open<20" in screen.text
        assert screen.rows() == ["42", "99"]
        await screen.press("f")
        assert "filter: open>=3" in screen.text
        assert screen.rows() == ["77", "42"]


async def test_what_was_typed_stays_beside_what_cells_ask_for() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"open>=1 !name=x", "enter", "f", "right", "right", "f", "left", "left")
        assert 'filter: open>=1 !name=x open>=20 user="redis"' in screen.text
        await screen.press(*["right"] * 8)
        table = screen.table("processes")
        while table.cursor_column != "open":
            await screen.press("left")
        await screen.press("exclamation_mark")
        assert 'filter: open>=1 !name=x user="redis" open<20' in screen.text


async def test_the_value_of_the_sorted_column_is_taken_where_no_cell_is_chosen() -> None:
    async with on_screen() as screen:
        await screen.press("down", "f")
        assert screen.rows() == ["77", "42"]
        assert "filter: open>=3" in screen.text


async def test_conditions_add_up_and_keep_an_or_together() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"redis or node", "enter", "down", "f")
        assert "filter: (redis or node) open>=1" in screen.text
        assert screen.rows() == ["77", "99"]


@pytest.mark.parametrize("typed", ["redis || node", "redis|node", "(redis) OR (node)"])
async def test_so_does_a_choice_in_other_signs(typed: str) -> None:
    async with on_screen() as screen:
        await screen.press("slash", *typed, "enter", "down", "f")
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


async def test_what_to_sort_by_is_picked_also_what_is_no_column() -> None:
    async with on_screen() as screen:
        await screen.press("s")
        assert isinstance(screen.app.screen, Picker)
        await screen.press(*"ppid", "enter")
        assert "by PPID" in crumbs(screen)


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


@pytest.mark.parametrize("way", ["1", "2", "3", "1 enter", "1 enter enter", "2 enter", "3 enter"])
async def test_every_place_can_be_exported_in_every_format(way: str) -> None:
    async with on_screen(batch_of(*ALL, events=[BORN])) as screen:
        await screen.press(*way.split())
        place, count = screen.app.main_screen.trail.here.subject.id, len(screen.app.main_screen.board.main.rows)
        for format in ("json", "csv", "md", "txt"):
            await at_once(screen, "E", *format, "enter")
        await screen.until(lambda: len(os.listdir()) == 4)
    written = {name.rsplit(".")[-1]: exported(name) for name in os.listdir()}
    document = json.loads(written["json"])
    assert document["view"]["of"] == place
    unheld = {"instances": document.get("in_flight", ())}
    listed = {
        "processes": len(document["processes"]),
        "instances": sum(len(holder["instances"]) for holder in [*document["processes"], unheld]),
        "events": len(document["events"]) if place == "events" else 0,
        "watches": sum(len(each["interest"]) for holder in document["processes"] for each in holder["instances"])
        if place == "watches"
        else 0,
    }
    assert listed[place] == count
    lines = written["csv"].splitlines()
    assert len(lines) > count if way == "1" else len(lines) == 1 + count  # of processes each instance
    assert written.keys() == {"json", "csv", "md", "txt"}


async def test_help_and_lists_open_over_the_filter_bar() -> None:
    async with on_screen() as screen:
        await screen.press("slash", "o", "f1")
        await screen.sees("Keys: Views and rows")
        await screen.press("escape", "tab", "p", "f6")
        assert isinstance(screen.app.screen, Picker)
        await screen.press("escape", *"en>2")
        await screen.sees("filter: open>2 ")
        assert "/ Filter" not in screen.lines[-1]


async def test_leaving_the_detail_in_full_leaves_it_for_good() -> None:
    async with on_screen(batch_of(NGINX, events=[BORN]), size=(80, 24)) as screen:
        await screen.press("3", "enter", "enter", "slash", "enter")
        assert screen.app.focused is screen.app.query_one("#page")
        await screen.press("1")
        assert screen.app.query_one("#processes").is_on_screen
        assert screen.app.focused is screen.app.query_one("#processes")


async def test_a_filter_that_is_opened_again_is_replaced_by_typing_and_written_on_from_its_end() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"open", "enter", "slash", "end", "greater_than_sign", "2")
        assert screen.app.query_one("#filter", Input).value == "open>2"
        await screen.press("enter", "2", "slash", *"fds:4")
        assert screen.app.query_one("#filter", Input).value == "fds:4"


async def test_a_view_may_be_left_before_its_rows_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    in_thread, go_on = asyncio.to_thread, asyncio.Event()

    async def late(function: Callable[..., object], *arguments: object, **named: object) -> object:
        await go_on.wait()
        return await in_thread(function, *arguments, **named)

    async with on_screen() as screen:
        monkeypatch.setattr(asyncio, "to_thread", late)
        screen.app.main_screen.draw()
        await screen.pilot.pause()
        navigate.view(screen.app.main_screen, "instances")
        go_on.set()
        await screen.settle()
        await screen.tick(batch_of(REDIS, NODE))
        assert any("redis" in row for row in rows(screen, "instances"))
        assert any("nginx" in row for row in rows(screen, "instances"))  # gone, and not yet taken away


async def test_following_says_so_and_says_when_the_row_is_gone() -> None:
    async with on_screen() as screen:
        await screen.press("down", "F")
        assert "following" in crumbs(screen)
        await screen.tick(batch_of(REDIS, NODE))
        for _ in range(4):
            await screen.tick()
        await screen.sees("The followed row is gone.")
        assert "following" not in crumbs(screen)


async def test_new_rows_are_bold_and_gone_rows_stay_for_a_while() -> None:
    async with on_screen() as screen:
        await screen.tick(batch_of(REDIS, NODE, Task(50, "late", open=2)))
        assert screen.rows() == ["77", "42", "50", "99"]
        glow = screen.app.main_screen.glow
        classes = {row.pid: glow.row_class(row) for row in screen.table("processes").rows}  # type: ignore[attr-defined]
        assert classes == {77: "", 42: "table--dim", 50: "table--bold", 99: ""}
        await screen.until_the_gone_are_gone()
        assert screen.rows() == ["77", "50", "99"]


# When.


async def test_stepping_back_in_time_holds_and_equals_returns() -> None:
    async with on_screen(batch_of(NGINX)) as screen:
        await screen.tick(batch_of(NGINX, REDIS))
        await screen.tick(batch_of(NGINX, REDIS, NODE))
        await screen.press("left_square_bracket")
        assert screen.rows() == ["77", "42"]
        assert "PAUSED" in screen.text
        await screen.press("left_square_bracket")
        assert screen.rows() == ["42"]
        await screen.press("right_square_bracket")
        assert screen.rows() == ["77", "42"]
        await screen.tick()
        assert screen.rows() == ["77", "42"]
        await screen.press("equals_sign")
        assert screen.rows() == ["77", "42", "99"]
        assert "PAUSED" not in screen.text


async def test_the_ends_of_what_is_kept_are_said() -> None:
    async with on_screen() as screen:
        await screen.press("left_curly_bracket")
        await screen.sees("Nothing older than")
        await screen.press("right_curly_bracket")
        await screen.sees("This is the newest; =")


# Out.


@pytest.mark.parametrize("format", ["csv", "md", "txt", "svg"])
async def test_export_in_a_chosen_format(format: str) -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"nginx", "enter", "E", *format, "enter")
        await screen.sees("Exported to")
        (name,) = os.listdir()
        assert name.endswith(f".{format}")
    written = exported(name)
    assert "Export&#160;as" not in written  # the list of formats
    assert "nginx" in written
    assert "redis-server" not in written


async def test_marked_rows_are_what_is_exported_and_copied() -> None:
    async with on_screen() as screen:
        await screen.press("m", "down", "down", "m")
        await screen.sees("2 marked")
        await screen.press("E", *"csv", "enter")
        await screen.sees("Exported to")
        (name,) = os.listdir()
        await screen.press("Y")
        await screen.sees("2 rows sent to the terminal")
        both = screen.app.clipboard
        assert both.count("\n") == 4  # fences, heading, two rows
        await screen.press("up", "y")
        assert screen.app.clipboard == both
        await screen.press("U", "Y")
        await screen.sees("3 rows sent to the terminal")
        assert "2 marked" not in screen.text
    assert {line.split(",")[0] for line in exported(name).splitlines()[1:]} == {"77", "99"}


async def test_a_row_is_copied_with_all_its_fields() -> None:
    async with on_screen() as screen:
        await screen.press("y")
        await screen.sees("1 row sent to the terminal")
        assert "redis-server *:6379" in screen.app.clipboard
        await screen.press("tab", "y")
        assert f"{file_of(77, 0):x}@" in screen.app.clipboard


# epolltop.


@pytest.mark.parametrize("theme", ["textual-light", "ansi-dark", "gruvbox"])
async def test_themes(theme: str) -> None:
    async with on_screen() as screen:
        screen.app.theme = theme
        await screen.press("down")
        assert screen.rows() == ["77", "42", "99"]
        assert screen.marked() == "42"


async def test_every_action_is_a_command_of_the_palette() -> None:
    async with on_screen() as screen:
        commands = {command.title: command.help for command in screen.app.get_system_commands(screen.app.screen)}
        wanted = {f"{key.label} ({key.shown.split()[0]})": key.help for key in KEYS if key.command != "command_palette"}
        assert wanted.items() <= commands.items()
        await screen.press("colon", *"earlier", "enter")
        await screen.sees("PAUSED")


async def test_enter_does_not_take_a_filter_that_is_none() -> None:
    async with on_screen() as screen:
        await screen.press("slash", *"open>>3", "enter")
        assert screen.app.query_one(FilterBar).is_open
        await screen.sees("is no number")
        await screen.press("escape", "slash", "up")
        assert screen.app.query_one("#filter", Input).value == ""


async def test_the_rates_on_screen_are_those_of_a_whole_refresh() -> None:
    async with on_screen(batch_of(NGINX)) as screen:
        polls = screen.source.polls
        for second in range(1, 4):
            await screen.tick(batch_of(Task(42, open=3, created=5 + 50 * second, released=2)))
            assert screen.source.polls == polls + second  # nobody else polls in between
            assert re.search(r"\b50\.0 ", screen.within("#processes")[1])


async def test_coming_back_shows_the_top_as_before() -> None:
    async with on_screen() as screen:
        await screen.press("down", "down", "3", "1")
        assert screen.rows() == ["77", "42", "99"]
        assert screen.marked() == "99"


async def test_ascii_spells_its_own_signs() -> None:
    async with on_screen(ascii_only=True) as screen:
        await screen.press("enter")
        assert "> redis-server (77)" in crumbs(screen)
        assert "by AGEv" in crumbs(screen)
        assert screen.text.isascii()
        assert "\\u" not in screen.text
