"""Keys that go to another place, row or time, as a person sees it."""

from __future__ import annotations

import pytest

from epolltop.model.event import Kind
from tests.support.fake_source import batch_of
from tests.support.records import NOW_NS

from .app_on_screen import ALL, BORN, NGINX, NODE, REDIS, crumbs, on_screen, rows

pytestmark = pytest.mark.usefixtures("order_not_held")


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


async def test_coming_back_shows_the_top_as_before() -> None:
    async with on_screen() as screen:
        await screen.press("down", "down", "3", "1")
        assert screen.rows() == ["77", "42", "99"]
        assert screen.marked() == "99"


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


async def test_leaving_the_detail_in_full_leaves_it_for_good() -> None:
    async with on_screen(batch_of(NGINX, events=[BORN]), size=(80, 24)) as screen:
        await screen.press("3", "enter", "enter", "slash", "enter")
        assert screen.app.focused is screen.app.query_one("#page")
        await screen.press("1")
        assert screen.app.query_one("#processes").is_on_screen
        assert screen.app.focused is screen.app.query_one("#processes")


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
