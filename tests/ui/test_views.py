"""A view is declared once: a further one needs nothing else to be seen, sorted, filtered and explained."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field
from epolltop.query.view import SUBJECTS, Subject
from tests.support.fake_source import Task, batch_of


class User(NamedTuple):
    name: str
    instances: int


def users(snapshot: Snapshot) -> Sequence[User]:
    names = sorted({row.user or "?" for row in snapshot.processes})
    return [User(name, sum(row.open for row in snapshot.processes if row.user == name)) for name in names]


USERS: Subject[User] = Subject(
    id="users",
    title="Users",
    help="Users whose processes hold instances.",
    row_type=User,
    fields=(
        Field("user", "USER", 12, "text", lambda row, _: row.name, "Name of the user."),
        Field("instances", "INSTANCES", 12, "count", lambda row, _: row.instances, "Instances of its processes."),
    ),
    rows=users,
    key=lambda row: row.name,
    sort="instances",
    empty=lambda _: "No user holds an epoll instance.",
)


def test_a_further_view_is_a_declaration() -> None:
    """In a process of its own: keys and options are made from the declarations when they are imported."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.ui.test_views"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


async def look_at_users() -> None:
    from tests.ui.app_on_screen import on_screen

    tasks = Task(1, user="ann", open=3), Task(2, user="ann"), Task(3, user="bob", open=9)
    async with on_screen(batch_of(*tasks)) as screen:
        assert not screen.app.query_one("#users").is_on_screen
        await screen.press("7")
        assert [line.split() for line in screen.within("#users")[:3]] == [
            ["USER", "INSTANCES▼"],
            ["▸bob", "9"],
            ["ann", "4"],
        ]
        assert not any(screen.app.query_one(f"#{other}").is_on_screen for other in SUBJECTS if other != "users")
        await screen.sees(" 7 Users ", "by INSTANCES▼", "2 rows")
        await screen.press("r", "slash", *"ann", "enter")
        assert [line.split() for line in screen.within("#users")[1:3]] == [["▸ann", "4"], []]
        assert [line.split()[1:] for line in screen.within("#page")[:2]] == [["USER", "ann"], ["INSTANCES", "4"]]
        await screen.press("slash", *"nobody", "enter")
        await screen.sees("None of 2 users matches the filter")
        await screen.press("escape", "question_mark", "end")
        await screen.sees("Users", "Instances of its processes.")
        await screen.press("escape", "1")
        assert screen.app.query_one("#processes").is_on_screen
    async with on_screen(batch_of()) as screen:
        await screen.press("7")
        await screen.sees("No user holds an epoll instance.")


def choose_users() -> None:
    from epolltop.options import parse_options

    assert parse_options(["--view", "users", "-s", "user"], no_color=False).view.subject is USERS


if __name__ == "__main__":
    SUBJECTS[USERS.id] = USERS
    asyncio.run(look_at_users())
    choose_users()
