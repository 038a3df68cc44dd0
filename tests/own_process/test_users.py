"""Names of users: at once where they are known here, else when the database has answered, and nobody waits for it."""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from epolltop.model.process import ProcessKey
from epolltop.own_process import users
from epolltop.own_process.users import Users, uid_of
from epolltop.proc.procfs import Procfs
from tests.waiting import eventually


class Database:
    """Answers when it is let go."""

    def __init__(self, **known: str) -> None:
        self.known = {int(uid.strip("_")): name for uid, name in known.items()}
        self.asked: list[int] = []
        self.go = threading.Event()

    def __call__(self, uid: int) -> str | None:
        self.asked.append(uid)
        self.go.wait(30)
        if uid == 13:
            raise OSError(24, "Too many open files")
        return self.known.get(uid)


def answers(known: Users, uid: int) -> bool:
    return known.name(uid) == f"user {uid}"


NOWHERE = Path("/nonexistent")


def test_who_is_in_the_file_is_known_without_asking(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_bytes(b"first:x:7:0\nsecond:x:7:0\nbad\n:x:8\nno:x:number\n\xff\x1b:x:9:\n+nis::::::\n")
    database = Database()
    known = Users(database, tmp_path / "passwd")
    assert [known.name(uid) for uid in (7, 9)] == ["first", "\\xff\\x1b"]
    assert database.asked == []


def test_numbers_show_until_a_silent_database_answers() -> None:
    database = Database(_5="five")
    known = Users(database, NOWHERE)
    assert known.name(5) == "5"
    assert known.names([6]) == {6: "6"}
    assert known.names([]) == {6: "6"}, "asked again for whom there is no answer"
    database.go.set()
    eventually(lambda: known.name(5) == "five")
    eventually(lambda: known.names([]) == {})
    assert (known.name(6), database.asked) == ("6", [5, 6])


def test_a_database_that_fails_is_no_end() -> None:
    database = Database(_5="five")
    database.go.set()
    known = Users(database, NOWHERE)
    eventually(lambda: (known.name(13), known.name(5)) == ("13", "five"))


def test_questions_and_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "WAITING_MAX", 4)
    monkeypatch.setattr(users, "NAMES_MAX", 3)
    database = Database(**{f"_{uid}": f"user {uid}" for uid in range(1, 12)})
    known = Users(database, NOWHERE)
    for uid in range(1, 12):
        assert known.name(uid) == str(uid)
    database.go.set()
    eventually(lambda: known.name(1) == "user 1")
    assert set(database.asked) <= {1, 2, 3, 4}
    for uid in range(1, 12):
        eventually(functools.partial(answers, known, uid))
    assert len(known._names) == 3


def test_processes_are_told_while_the_database_is_silent() -> None:
    database = Database(**{f"_{os.geteuid()}": "somebody"})
    procfs = Procfs(users=Users(database, NOWHERE))
    key = ProcessKey(os.getpid(), 0)

    def user() -> str | None:
        process = procfs.process(key)
        assert process is not None
        return process.user

    assert user() == str(os.geteuid())
    database.go.set()
    eventually(lambda: user() == "somebody")


def test_who_leaves_does_not_wait_for_an_answer() -> None:
    code = "import threading; from pathlib import Path; from epolltop.own_process.users import Users\n" \
           "print(Users(lambda _: threading.Event().wait(), Path('/nonexistent')).name(5))"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "5\n"


def test_numbers_of_names() -> None:
    somebody = pwd.getpwall()[-1]
    assert uid_of(somebody.pw_name) == pwd.getpwnam(somebody.pw_name).pw_uid
    assert uid_of("no such user") is None
    assert uid_of("nul\0") is None
