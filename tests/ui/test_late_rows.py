"""Rows are arranged in a thread: until they are there, what is on screen belongs together."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from epolltop.model.snapshot import Snapshot
from epolltop.query.view import arranged
from epolltop.ui.commands import navigate
from tests.support.fake_source import Task, batch_of

from .app_on_screen import ALL, NODE, REDIS, on_screen, rows


@contextlib.contextmanager
def held_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Rows are arranged once the event is set."""
    may_look = threading.Event()

    def late(*asked: Any) -> Any:
        may_look.wait(10)
        return arranged(*asked)

    with monkeypatch.context() as patched:
        patched.setattr("epolltop.ui.state.look.arranged", late)
        yield may_look


async def test_the_header_tells_the_filter_of_the_rows_below(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_screen() as screen:
        with held_back(monkeypatch) as may_look:
            screen.app.main_screen.apply_filter("nginx")
            await screen.pilot.pause()
            assert ("filter:" in screen.text, screen.rows()) == (False, ["77", "42", "99"])
            may_look.set()
            await screen.sees("filter: nginx")
            assert screen.rows() == ["42"]


async def test_the_header_tells_the_totals_of_the_rows_below(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_screen() as screen:
        with held_back(monkeypatch) as may_look:
            screen.source.then(batch_of(*ALL, Task(5, "late", open=50)))
            screen.session.steps.release()
            latest = screen.app.main_screen.ring.latest
            await screen.until(lambda: screen.app.main_screen.ring.latest is not latest)
            await screen.pilot.pause()
            assert ("24 instances" in screen.text, screen.rows()) == (True, ["77", "42", "99"])
            may_look.set()
            await screen.sees("74 instances")
            assert screen.rows() == ["5", "77", "42", "99"]


async def test_rows_that_take_longer_than_a_refresh_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with on_screen() as screen:
        began, may_look = threading.Semaphore(0), threading.Semaphore(0)

        def came(before: Snapshot | None) -> bool:
            return screen.app.main_screen.ring.latest is not before

        def late(*asked: Any) -> Any:
            began.release()
            may_look.acquire(timeout=10)
            return arranged(*asked)

        with monkeypatch.context() as patched:
            patched.setattr("epolltop.ui.state.look.arranged", late)
            for open_ in (50, 60, 70):
                latest = screen.app.main_screen.ring.latest
                screen.source.then(batch_of(*ALL, Task(5, "late", open=open_)))
                screen.session.steps.release()
                await screen.until(functools.partial(came, latest))
                if open_ > 50:
                    may_look.release()
                    await screen.sees(f"{open_ + 14} instances")
                await screen.until(lambda: began.acquire(blocking=False))
            for _ in range(9):
                may_look.release()


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
