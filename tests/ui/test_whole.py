"""A row with all its fields."""

from __future__ import annotations

from epolltop.query.instance_fields import INSTANCE_FIELDS, InstanceOf
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.ui.dialogs.whole_row import whole
from tests.support.rows import instance, process_row, snapshot

from .app_on_screen import on_screen

LONG = "java -cp " + ":".join(f"/opt/a/{number}.jar" for number in range(900)) + " main.Class"


def test_nothing_is_cut_and_the_command_line_comes_first() -> None:
    row = process_row(command=LONG, container="0123456789abcdef" * 4)
    told = whole(row, PROCESS_FIELDS, snapshot(row))
    assert told[0] == ("COMMAND", LONG)
    assert ("CONTAINER", "0123456789abcdef" * 4) in told
    assert {title for title, _ in told} == {field.title for field in PROCESS_FIELDS[:-1]} | {"FINDING"}


def test_an_instance_is_told_with_its_holder() -> None:
    row = process_row(command=LONG)
    told = dict(whole(InstanceOf(instance(), row), INSTANCE_FIELDS, snapshot(row)))
    assert told["COMMAND"] == LONG
    assert told["ID"] == instance().id


async def test_a_key_shows_it_and_closes_it() -> None:
    async with on_screen(size=(80, 24)) as screen:
        for key in ("w", "i"):
            await screen.press(key)
            await screen.sees("COMMAND", "PID", "OPEN")
            await screen.press("G")
            await screen.sees("ENDED")
            await screen.press(key)
            await screen.sees("24 instances in 3 processes")
        assert screen.app.is_running


async def test_keys_of_pages_lead_from_one_to_the_other() -> None:
    async with on_screen() as screen:
        assert screen.lines[-1].startswith(" Enter Open  / Filter")
        for key, seen in ("d", "Intro"), ("w", "COMMAND"), ("question_mark", "Values"):
            await screen.press(key)
            await screen.sees(seen)
            assert screen.lines[-1].split() == ["Esc", "Back"]
        await screen.press("q")
        await screen.sees("24 instances in 3 processes")
        assert screen.app.is_running
