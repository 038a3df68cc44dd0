"""Time on the screen: a replay that is held, stepped and sought in, and what a person types for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from epolltop.model.batch import Batch
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.query.view import PROCESSES
from epolltop.session.replay import Replay
from epolltop.ui.app import EpolltopApp
from epolltop.ui.state.clock import moment
from epolltop.ui.state.navigation import root
from tests.support.fake_source import Task, batch_of
from tests.support.recordings import write
from tests.support.records import NOW_NS, SECOND_NS, WALL_NS

from .app_on_screen import EXPORTS

pytestmark = pytest.mark.usefixtures("utc")

BEGIN, END = 1000 * SECOND_NS, 1100 * SECOND_NS


def recorded(ticks: int) -> list[Batch]:
    """A second apart; at second n the process with pid 100 + n is there, too."""
    made = []
    for n in range(ticks):
        now_ns = NOW_NS + n * SECOND_NS
        told = batch_of(Task(42), Task(100 + n, "late"))
        assert told.census is not None
        census = replace(told.census, started_ns=now_ns)
        made.append(replace(told, now_ns=now_ns, wall_ns=WALL_NS + n * SECOND_NS, census=census))
    return made


@asynccontextmanager
async def replayed(
    path: Path, ticks: Sequence[Batch], speed: float = 1.0
) -> AsyncIterator[tuple[Pilot[Exception], Replay]]:
    session = Replay(write(path, ticks), Selection())
    session.speed = speed
    app = EpolltopApp(session, root(PROCESSES), EXPORTS)
    try:
        async with app.run_test(size=(120, 36), notifications=True) as pilot:
            await until(pilot, "")
            yield pilot, session
            session.stopping.set()
            await app.workers.wait_for_complete()
            await pilot.pause()
    finally:
        session.close()


def text(pilot: Pilot[Exception]) -> str:
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(pilot: Pilot[Exception], *said: str) -> None:
    assert isinstance(pilot.app, EpolltopApp)
    deadline = time.monotonic() + 15
    while (
        pilot.app.main_screen.ring.latest is None
        or not pilot.app.main_screen.is_settled
        or not all(each in text(pilot) for each in said)
    ):
        assert time.monotonic() < deadline, f"never {said}; on screen:\n{text(pilot)}"
        await pilot.pause(0.01)


async def test_a_replay_says_that_it_is_one_and_where_it_stands(tmp_path: Path) -> None:
    async with replayed(tmp_path / "a", recorded(3), speed=0.25) as (pilot, _):
        await until(
            pilot,
            "epolltop replay",
            "REPLAY 12:00:00, 0s of 2.0s, speed 0.25x  a  2026-01-31  test  Linux 6.1.0",
            "  100 ",
        )


async def test_that_a_time_takes_long_to_reach_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    real = Replay._on_time

    def slow(self: Replay, *arguments: Any) -> Snapshot | None:
        assert goes_on.wait(20)
        return real(self, *arguments)

    monkeypatch.setattr(Replay, "_on_time", slow)
    async with replayed(tmp_path / "a", recorded(3), speed=0.25) as (pilot, session):
        assert "reading" not in text(pilot)
        session.speed = 100.0
        try:
            await until(pilot, "REPLAY 12:00:00", ", reading")
        finally:
            goes_on.set()
        await until(pilot, "END", "speed 100x  a  ")


async def test_it_plays_to_the_end_and_stands_there(tmp_path: Path) -> None:
    async with replayed(tmp_path / "a", recorded(4), speed=100.0) as (pilot, session):
        await until(pilot, "END 12:00:03, 3.0s of 3.0s", "  103 ")
        assert session.at_end


async def test_held_it_steps_in_both_directions_and_says_where_it_ends(tmp_path: Path) -> None:
    async with replayed(tmp_path / "a", recorded(4), speed=0.25) as (pilot, session):
        await pilot.press("space", "right_square_bracket", "right_square_bracket")
        await until(pilot, "HELD 12:00:02, 2.0s of 3.0s", "  102 ")
        await pilot.press("left_square_bracket")
        await until(pilot, "HELD 12:00:01", "  101 ")
        await pilot.press("left_curly_bracket", "left_square_bracket")
        await until(pilot, "This is the beginning.", "  100 ")
        await pilot.press("right_curly_bracket", "right_square_bracket")
        await until(pilot, "This is the end.", "  103 ")
        assert session.held
        await pilot.press("left_curly_bracket", "equals_sign")
        await until(pilot, "REPLAY")
        assert not session.held


async def test_plus_and_minus_are_its_speed(tmp_path: Path) -> None:
    async with replayed(tmp_path / "a", recorded(60)) as (pilot, session):
        await pilot.press("plus", "plus")
        await until(pilot, "speed 5x")
        await pilot.press(*["minus"] * 9)
        await until(pilot, "speed 0.25x")
        assert session.speed == 0.25


async def test_it_goes_to_a_time_that_is_typed(tmp_path: Path) -> None:
    async with replayed(tmp_path / "a", recorded(21), speed=0.25) as (pilot, _):
        await pilot.press("space", "at", *"12:00:07", "enter")
        await until(pilot, "HELD 12:00:07", "  107 ")
        await pilot.press("at", *"50%", "enter")
        await until(pilot, "HELD 12:00:10", "  110 ")
        await pilot.press("at", *"noon", "enter")
        await until(pilot, "'noon' is not a time")
        await pilot.press("at", "escape")
        await until(pilot, "HELD 12:00:10")


async def test_a_recording_that_was_cut_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a", recorded(9))
    path.write_bytes(path.read_bytes()[:-40])
    session = Replay(path, Selection())
    session.speed = 100.0
    app = EpolltopApp(session, root(PROCESSES), EXPORTS)
    try:
        async with app.run_test(size=(120, 36)) as pilot:
            await until(pilot, "END", "the recording was cut off after")
            session.stopping.set()
            await app.workers.wait_for_complete()
    finally:
        session.close()


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("50%", 50.0),
        ("0%", 0.0),
        ("250%", 100.0),
        ("90", 90.0),
        ("1m30s", 90.0),
        ("1m 30s", 90.0),
        ("2.5s", 2.5),
        ("250ms", 0.25),
        (" 12:00:00 ", 0.0),
        ("12:01:30", 90.0),
        ("12:01", 60.0),
        ("11:59:59", 86399.0),
    ],
)
def test_moments(typed: str, seconds: float) -> None:
    at = moment(typed, BEGIN, END, WALL_NS)
    assert at is not None
    assert (at - BEGIN) / 1e9 == pytest.approx(seconds, abs=1.0)  # the beginning is not on a whole second


@pytest.mark.parametrize("typed", ["", "noon", "12:61", "%", "1x", "-5", "5%%", "1m30"])
def test_what_is_no_moment(typed: str) -> None:
    assert moment(typed, BEGIN, END, WALL_NS) is None
