"""An error of our own ends the screen, and leaves a report."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.traceback import Traceback
from textual.worker import WorkerFailed

from epolltop.ui.app import EpolltopApp

from .app_on_screen import Screen, on_screen


def divide() -> None:
    _ = 1 // 0


async def divide_in_a_worker() -> None:
    divide()


@pytest.mark.parametrize(
    "fail",
    [lambda app: app.call_later(divide), lambda app: app.run_worker(divide_in_a_worker())],
    ids=["handler", "worker"],
)
def test_an_error_of_our_own_ends_the_screen_with_a_report_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fail: Callable[[EpolltopApp], object]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    screens: list[Screen] = []

    async def run() -> None:
        async with on_screen() as screen:
            screens.append(screen)
            fail(screen.app)
            await screen.until(lambda: not screen.app.is_running)

    with pytest.raises((ZeroDivisionError, WorkerFailed)):
        asyncio.run(run())
    (screen,) = screens
    assert screen.app.return_code == 1
    assert not screen.app._exit_renderables
    (written,) = tmp_path.glob("epolltop-report-*.txt")
    assert str(written) in screen.app.crashed
    assert "ZeroDivisionError" in screen.app.crashed
    assert "in divide\n" in written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600


def test_what_textual_ends_with_is_reported_without_colours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def run() -> EpolltopApp:
        async with on_screen() as screen:
            with monkeypatch.context() as held:  # the test's own Textual waits for one that has ended
                held.setattr(screen.app, "_close_messages_no_wait", lambda: None)
                try:
                    divide()
                except ZeroDivisionError:
                    screen.app.panic(Traceback())
            return screen.app

    app = asyncio.run(run())
    (written,) = tmp_path.glob("epolltop-report-*.txt")
    assert app.return_code == 1
    assert re.search(rf"epolltop crashed: ZeroDivisionError: .* by zero; please report it with {written}$", app.crashed)
    assert "in divide" in written.read_text()
    assert "\x1b" not in written.read_text()


async def test_an_end_that_has_begun_keeps_its_code() -> None:
    async with on_screen() as screen:
        screen.app.exit(return_code=129)
        screen.app.panic("there is no terminal any more")
        await screen.until(lambda: not screen.app.is_running)
        assert (screen.app.return_code, screen.app.crashed) == (129, "")
