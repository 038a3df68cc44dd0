"""What is shown is exported and copied."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from pathlib import Path

import pytest

from tests.support.fake_source import START, batch_of, file_of
from tests.support.records import event

from .app_on_screen import ALL, BORN, exported, on_screen
from .keystrokes import at_once

pytestmark = pytest.mark.usefixtures("in_a_directory_of_its_own", "order_not_held")


async def test_export_writes_what_is_shown_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = [event(start=START), event(start=START, pid=77, file=1, name="other")]
    async with on_screen(batch_of(*ALL, events=told), size=(120, 36)) as screen:
        await screen.press("slash", *"nginx", "enter", "e")
        await screen.sees("Exported to")
    (name,) = os.listdir()
    assert re.fullmatch(r"epolltop-\d{8}-\d{6}\.json", name)
    assert stat.S_IMODE(os.stat(name).st_mode) == 0o600
    document = json.loads(await asyncio.to_thread(Path(name).read_text))
    assert [row["pid"] for row in document["processes"]] == [42]
    assert document["totals"]["processes"] == 3
    assert document["totals"]["shown"] == 1
    assert [told["processName"] for told in document["events"]] == ["nginx"]
    assert document["events_left_out"] == 1


async def test_a_failed_export_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")  # even root makes no files there
    async with on_screen() as screen:
        await screen.press("e")
        await screen.sees("Not exported: epolltop-")
        assert screen.app.is_running


async def test_export_from_a_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with on_screen() as screen:
        await screen.press("e")
        await screen.sees("Not exported: epolltop-")


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
