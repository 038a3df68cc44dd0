"""Commands for time: hold, step, seek, and change the refresh or the speed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from epolltop.ui.dialogs.picker import Question
from epolltop.ui.main_screen import KEY_WAITS_S, MainScreen


def pause(screen: MainScreen) -> None:
    """Holds or releases the screen; epolltop goes on observing."""
    screen.clock.pause()
    screen.jump()


def now(screen: MainScreen) -> None:
    """Goes along with the newest again."""
    screen.clock.now()
    screen.jump()


async def step(screen: MainScreen, steps: int) -> None:
    """Looks at another time."""
    await _travel(screen, screen.clock.step(steps))


async def seek(screen: MainScreen) -> None:
    """Asks for a time and goes there."""
    if screen.clock.unseekable:
        _arrive(screen, screen.clock.unseekable)
        return

    async def go(text: str | None) -> None:
        if text:
            await _travel(screen, screen.clock.seek(text))

    hint = "12:03:20, or 1m30s after the start, or 50%"
    await screen.app.push_screen(Question("Go to:", hint, screen.readable), go)


def plus(screen: MainScreen) -> None:
    """A longer refresh, a quicker replay."""
    screen.clock.plus()
    screen.draw_header()


def minus(screen: MainScreen) -> None:
    """A shorter refresh, a slower replay."""
    screen.clock.minus()
    screen.draw_header()


async def _travel(screen: MainScreen, travel: Coroutine[Any, Any, str]) -> None:
    """Goes to another time. The next key waits for it no longer than KEY_WAITS_S: it may leave."""
    there = asyncio.Event()

    async def going() -> None:
        try:
            _arrive(screen, await travel)
        finally:
            there.set()

    screen.app.run_worker(going())
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(there.wait(), KEY_WAITS_S)


def _arrive(screen: MainScreen, notice: str) -> None:
    if notice:
        screen.app.notify(screen.readable(notice), timeout=3, markup=False)
    screen.jump()
