"""The lines above the tables: totals, the filter, notes and what is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.model.snapshot import Snapshot
from epolltop.ui.widgets.header import Header
from tests.support.fake_source import Task, batch_of

from .app_on_screen import NGINX, on_screen


async def test_lower_bounds_and_the_reason_for_them_are_told() -> None:
    script = batch_of(NGINX, exact=False, fallback="only /proc is read, since there is no root")
    async with on_screen(script) as screen:
        await screen.sees("created ≥", "note: only /proc is read, since there is no root")


async def test_the_refresh_is_told_also_where_much_is_lost() -> None:
    async with on_screen(batch_of(replace(NGINX, created=12_345_678), lost=1_234_567), size=(80, 24)) as screen:
        await screen.sees("lost 1,234,567", "every 1.0s")


async def test_a_note_hides_no_filter_and_a_cut_one_says_so() -> None:
    told = "only /proc is read, since nobody may load BPF programs here; remedy: " + "ask whoever may, " * 8 + "today"
    async with on_screen(batch_of(NGINX, exact=False, fallback=told), size=(80, 24), filter_text="nginx") as screen:
        await screen.press("space")
        await screen.sees("PAUSED", "filter: nginx", "note: only /proc is read", "… ? shows all")


async def test_all_of_what_cannot_be_seen_can_be_read_on_a_narrow_screen() -> None:
    told = "only /proc is read, since nobody may load BPF programs here; remedy: " + "ask whoever may, " * 8 + "today"
    async with on_screen(batch_of(NGINX, exact=False, fallback=told), size=(80, 36)) as screen:
        await screen.sees("note: only /proc is read, since nobody may", "… ? shows all")
        await screen.press("question_mark")
        await screen.sees("Not seen here", "today")


async def test_totals_are_not_cut_off_on_a_narrow_screen() -> None:
    async with on_screen(batch_of(NGINX), size=(80, 24)) as screen:
        await screen.tick(batch_of(Task(42, open=3, created=1_234_567, released=1_234_321, failed=98)))
        await screen.sees("created 1,234,567", "freed 1,234,321", "failed 98")


async def test_loss_is_not_overlooked() -> None:
    async with on_screen(batch_of(NGINX, lost=7)) as screen:
        await screen.sees("lost 7")
        line = next(y for y, line in enumerate(screen.lines) if "lost 7" in line)
        strip = screen.app.screen._compositor.render_strips()[line]
        assert any("lost 7" in s.text and s.style and s.style.reverse for s in strip)
        assert any("self" in s.text and s.style and not s.style.reverse for s in strip)


async def test_a_tick_describes_the_header_once(monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[Snapshot | None] = []
    describe = Header.describe

    def told(header: Header, shown: Snapshot | None, *others: str) -> None:
        described.append(shown)
        describe(header, shown, *others)

    async with on_screen() as screen:
        monkeypatch.setattr(Header, "describe", told)
        await screen.tick()
        assert described == [screen.app.main_screen.ring.latest]


async def test_a_short_screen_still_tells_that_it_is_paused() -> None:
    async with on_screen(size=(60, 10)) as screen:
        await screen.press("space")
        await screen.sees("PAUSED")
