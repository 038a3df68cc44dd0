"""Files are made with the rights of who called sudo: no more than that user has, judged by a process of that user."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from epolltop.output.files import NAMES_MAX, Successor, write_new, write_whole
from epolltop.own_process import invoker, privileges
from epolltop.own_process.invoker import rights
from epolltop.ui.terminal.crash_report import report

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")

SUDO = ("SUDO_UID", "SUDO_GID", "SUDO_COMMAND", "PKEXEC_UID", "DOAS_USER")
ALICE, BOB, STAFF = 61001, 61002, 61003


class Directory(NamedTuple):
    """One that epolltop is asked to write into."""

    owner: int
    group: int
    mode: int


ROOTS = Directory(0, 0, 0o755)


@pytest.fixture(autouse=True)
def nobody_called_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SUDO:
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def called(**variables: str) -> Iterator[None]:
    """The environment of a program that was called so."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@contextlib.contextmanager
def reachable(directory: Directory = ROOTS) -> Iterator[Path]:
    """Below /tmp, and not below pytest's directory, which is root's alone."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        os.chown(path, directory.owner, directory.group)
        path.chmod(directory.mode)
        yield path
    finally:
        shutil.rmtree(path)


def may(uid: int, gid: int, act: Callable[[], object]) -> bool:
    """Whether a process of that user, and of no other group, can."""
    child = os.fork()
    if not child:
        code = 1
        with contextlib.suppress(BaseException):
            os.setgroups([gid])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            act()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def standing() -> tuple[object, ...]:
    return invoker._identity(), privileges.held(), privileges.has(privileges.Capability.DAC_OVERRIDE)


DIRECTORIES = st.builds(
    Directory,
    st.sampled_from((0, ALICE, BOB)),
    st.sampled_from((0, ALICE, STAFF)),
    st.sampled_from((0o755, 0o700, 0o770, 0o775, 0o777, 0o1777, 0o555, 0o733, 0o311, 0o2770)),
)
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=40),
    st.binary(min_size=1, max_size=20).map(lambda raw: os.fsdecode(raw.replace(b"/", b"_").replace(b"\0", b"_"))),
    st.sampled_from(("-o", "\x1b]0;title\x07", "x" * 255, "ä" * 127, " ", "a\nb", ".hidden", "%s", "\u202egnp.exe")),
).filter(lambda name: name not in (".", "..") and len(os.fsencode(name)) <= 255)


@given(DIRECTORIES, st.sampled_from((ALICE, BOB)), st.sampled_from((ALICE, STAFF)), NAMES, st.booleans())
@example(Directory(0, 0, 0o755), ALICE, ALICE, "ld.so.preload", True)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_a_file_is_made_just_where_its_owner_could(
    directory: Directory, uid: int, gid: int, name: str, there: bool
) -> None:
    with reachable(directory) as path, called(SUDO_UID=str(uid), SUDO_GID=str(gid)):
        target, before = path / name, standing()
        if there:
            target.write_text("root's")
        can = may(uid, gid, lambda: _replace(target))
        target.unlink(missing_ok=True)
        if there:
            target.write_text("root's")
        if can:
            write_whole(target, "new")
            assert (target.read_text(), target.stat().st_uid) == ("new", uid)
            assert target.stat().st_gid == (directory.group if directory.mode & stat.S_ISGID else gid)
        else:
            with pytest.raises(PermissionError) as caught:
                write_whole(target, "new")
            assert caught.value.filename == str(target)
            assert not there or (target.read_text(), target.stat().st_uid) == ("root's", 0)
        assert os.listdir(path) == [name] * (can or there)
        assert standing() == before


def _replace(target: Path) -> None:
    beside = target.with_name("beside")
    beside.touch()
    try:
        os.replace(beside, target)
    except OSError:
        beside.unlink()
        raise


MADE: dict[str, Callable[[Path], object]] = {
    "-o": lambda path: write_whole(path / "file", "new"),
    "e": lambda path: write_new(path / "file", "new"),
    "record": lambda path: Successor(path / "file").succeed(),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_whatever_makes_files_makes_them_so(make: Callable[[Path], object]) -> None:
    with called(SUDO_UID=str(ALICE), SUDO_GID=str(STAFF)), reachable(Directory(BOB, STAFF, 0o770)) as shared:
        make(shared)
        assert [(made.stat().st_uid, made.stat().st_gid) for made in shared.iterdir()] == [(ALICE, STAFF)]
        with reachable() as roots, pytest.raises(PermissionError, match=rf"to user {ALICE}.*\(SUDO_UID\)"):
            make(roots)


def test_the_groups_are_those_of_the_user_database() -> None:
    user = pwd.getpwuid(65534)
    with called(SUDO_UID="65534"), rights():
        assert set(os.getgroups()) == set(os.getgrouplist(user.pw_name, user.pw_gid))
    assert grp.getgrgid(user.pw_gid).gr_gid == user.pw_gid


def test_other_threads_keep_their_rights() -> None:
    meanwhile, done, seen = threading.Event(), threading.Event(), []

    def other() -> None:
        assert meanwhile.wait(10)
        seen.append(standing())
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    before = standing()
    with called(SUDO_UID=str(ALICE), SUDO_GID=str(ALICE)), rights():
        assert standing() != before
        meanwhile.set()
        assert done.wait(10)
    thread.join()
    assert seen == [before]


IMPOSSIBLE = (
    "-1",
    "0x1",
    "4294967295",
    "4294967296",
    "9" * 5000,
    " 1",
    "1 ",
    "+1",
    "٣",
    "alice",
    "1e3",
    "\x1b[2J",
    "1.0",
)


@pytest.mark.parametrize("variable", ["SUDO_UID", "SUDO_GID", "PKEXEC_UID", "DOAS_USER"])
@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_an_impossible_id_is_a_sentence_and_nothing_is_lost(tmp_path: Path, variable: str, value: str) -> None:
    (tmp_path / "file").write_text("old")
    asked = {"SUDO_UID": "1", variable: value} if variable == "SUDO_GID" else {variable: value}
    for make in MADE.values():
        with called(**asked), pytest.raises(OSError, match=f"{variable}=.*names no user") as caught:
            make(tmp_path)
        assert len(str(caught.value.strerror)) < 200
        assert str(caught.value.strerror).isprintable()
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("variable", ["SUDO_UID", "PKEXEC_UID"])
def test_an_unknown_user_has_only_what_sudo_says(variable: str) -> None:
    with called(**{variable: "61234"}), pytest.raises(OSError, match="names no user"), rights():
        raise AssertionError
    with called(SUDO_UID="61234", SUDO_GID="61235"), rights():
        assert invoker._identity() == (61234, 61235, (61235,))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"SUDO_UID": ""},
        {"SUDO_UID": "0", "SUDO_GID": "0"},
        {"SUDO_UID": str(ALICE), "SUDO_GID": str(ALICE), "SUDO_COMMAND": "/bin/sh"},
        {"DOAS_USER": "root"},
    ],
    ids=["nobody", "empty", "root", "root's shell", "root by doas"],
)
def test_root_itself_has_roots_rights(tmp_path: Path, asked: dict[str, str]) -> None:
    with called(**asked):
        write_whole(tmp_path / "file", "new")
    assert (tmp_path / "file").stat().st_uid == 0


@pytest.mark.parametrize("command", ["/usr/bin/epolltop record /etc/x", "/bin/sh -c epolltop", "/usr/local/bin/wrap"])
def test_a_rule_for_a_command_gives_no_more_than_the_user_has(command: str) -> None:
    called_so = called(SUDO_UID=str(ALICE), SUDO_GID=str(ALICE), SUDO_COMMAND=command)
    with called_so, reachable() as roots, pytest.raises(PermissionError):
        write_whole(roots / "file", "new")


def test_a_crash_report_is_for_who_called_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    with reachable(Directory(0, 0, 0o1777)) as temporary, called(SUDO_UID=str(ALICE), SUDO_GID=str(ALICE)):
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        said = report(ValueError("x"))
        (written,) = temporary.iterdir()
        assert str(written) in said
        assert (written.stat().st_uid, stat.S_IMODE(written.stat().st_mode)) == (ALICE, 0o600)


def test_not_root_makes_files_without_capabilities(tmp_path: Path) -> None:
    """Somebody who was given capabilities to observe with."""
    script = (
        "import sys; from pathlib import Path; from epolltop.output.files import *; write_whole(Path(sys.argv[1]), '')"
    )
    with reachable(Directory(0, 0, 0o700)) as roots:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        given_caps = "+dac_override,+dac_read_search"
        command += [f"--inh-caps={given_caps}", f"--ambient-caps={given_caps}"]
        command += [sys.executable, "-c", script, str(roots / "file")]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Permission denied" in ended.stderr
        assert os.listdir(roots) == []


def test_names_that_are_all_taken_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epolltop.output.files.NAMES_MAX", 5)
    assert NAMES_MAX == 1000
    for name in ("file", *(f"file-{number}" for number in range(2, 6))):
        (tmp_path / name).touch()
    with pytest.raises(FileExistsError) as caught:
        write_new(tmp_path / "file", "new")
    assert caught.value.errno == errno.EEXIST
    assert len(os.listdir(tmp_path)) == 5
