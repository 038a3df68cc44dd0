"""docs/events/watch-a-directory.md, walked through: the program, what epolltop shows of it, why it needs inotify."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import select
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.program import COMMAND, environment
from tests.docs.pages import Proofs, blocks, section
from tests.waiting import PATIENCE_S
from tests.workloads.client import ACTOR

pytestmark = pytest.mark.kernel

PAGE = "watch-a-directory"
PROGRAM = ACTOR.with_name("inotify_watch.py")
IN_CREATE = 0x100
PROOFS = Proofs(PAGE, ("Why not the directory itself",))


class Walk(NamedTuple):
    """What appeared, and where."""

    said: list[str]
    events: list[str]
    table: str
    instances: list[dict[str, Any]]
    watching: dict[str, Any]
    """The instance again, with what it watches."""
    directory: Path


@pytest.fixture(name="walk", scope="module")
def _walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The steps of the page, in its order, with real programs."""
    directory = tmp_path_factory.mktemp("walk")
    shutil.copy(PROGRAM, directory)
    (directory / "incoming").mkdir()
    # A shell that waits has the pid that the program will have: epolltop can be there first, and look at nothing else.
    started = ["sh", "-c", "ulimit -n 1024; read go; exec python3 inotify_watch.py incoming"]
    path = environment(PATH="/usr/bin:/bin")
    with subprocess.Popen(
        started, cwd=directory, env=path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        observed = ("-p", str(program.pid))
        command = [*COMMAND, "events", *observed, "-d", str(PATIENCE_S)]
        with subprocess.Popen(command, cwd="/", env=environment(), stdout=subprocess.PIPE, text=True) as events:
            try:
                assert program.stdin is not None
                assert program.stdout is not None
                assert events.stdout is not None
                told = [events.stdout.readline()]  # it observes once the heading is there
                program.stdin.write("\n")
                program.stdin.flush()
                said = [program.stdout.readline()]
                told.append(events.stdout.readline())
                (directory / "incoming" / "first").touch()
                said.append(program.stdout.readline())
                table = _snapshot("--format", "txt", *observed)
                (process,) = json.loads(_snapshot(*observed))["processes"]
                (watching,) = json.loads(_snapshot("--watches", *observed))["processes"]
                program.terminate()
                told.append(events.stdout.readline())
            finally:
                program.kill()
                events.kill()
    return Walk(said, told, table, process["instances"], watching["instances"][0], directory / "incoming")


def _snapshot(*arguments: str) -> str:
    command = [*COMMAND, "snapshot", "-d", "1", *arguments]
    done = subprocess.run(command, cwd="/", env=environment(), capture_output=True, text=True, check=True)
    return done.stdout


def test_the_program_is_the_one_on_the_page() -> None:
    assert PROGRAM.read_text(encoding="ascii") in blocks(section(PAGE, "The program"))


def test_its_creation_is_the_line_on_the_page(walk: Walk) -> None:
    assert _alike(_shown("It starts", "$ epolltop events")) == _alike("".join(walk.events[:2]))
    assert _shown("It starts", "$ mkdir") == walk.said[0]


def test_a_file_that_comes_is_said_by_the_program_and_no_event(walk: Walk) -> None:
    assert blocks(section(PAGE, "Step by step", "A file comes")) == ["$ touch incoming/first\n", "".join(walk.said)]
    assert [line.split()[1] for line in walk.events] == ["EVENT", "create", "release"]


def test_the_table_is_the_one_on_the_page(walk: Walk) -> None:
    assert _alike(_shown("Looking at it", "$ epolltop snapshot -d 1 -p 12625 --format")) == _alike(walk.table)


def test_its_instance_is_the_one_on_the_page(walk: Walk) -> None:
    shown = json.loads(_shown("Looking at it", "$ epolltop snapshot -d 1 -p 12625 |"))
    instance = {name: told for name, told in walk.instances[0].items() if name != "loops"}
    assert [one.keys() for one in shown] == [instance.keys()]
    differing = ("id", "holders")
    assert [{**one, **{name: instance[name] for name in differing}} for one in shown] == [instance]
    address = walk.events[1].split()[-1].partition("@")[0]
    assert instance["id"].startswith(f"{address}@"), "one open file, whoever looks at it"


def test_what_it_waits_for_is_what_the_page_tells(walk: Walk) -> None:
    shown = _shown("What it waits for", "$ epolltop snapshot").splitlines()
    watch, loop = (json.loads(line) for line in shown if line.startswith("{"))
    (told,), (turn,) = walk.watching["interest"], walk.watching["loops"]
    assert {name: told[name] for name in watch} == {**watch, "target": str(walk.directory)}
    pid = walk.watching["holders"][0]
    assert {name: turn[name] for name in loop} == {**loop, "name": f"python3 {pid}/4"}


def test_its_release_is_the_line_on_the_page(walk: Walk) -> None:
    (shown,) = blocks(section(PAGE, "Step by step", "It ends"))
    assert _alike(shown) == _alike(walk.events[2])


def _shown(step: str, command: str) -> str:
    """The output on the page under a command."""
    (block,) = [block for block in blocks(section(PAGE, "Step by step", step)) if block.startswith(command)]
    return block.partition("\n")[2]


def _alike(text: str) -> list[list[str]]:
    """The words of each line, with what differs from run to run and from kernel to kernel made equal."""
    for pattern, name in (
        (r"\d\d:\d\d:\d\d\.\d{3}", "TIME"),
        (r"\b[0-9a-f]{16}@\d+", "ID"),
        (r"(?m)^(TIME (?:create|release)|) +\d+ ", r"\1 PID "),
        (r"(?m)^( PID +)\S+", r"\1USER"),
        (r"(?m)^epolltop \S+ TIME +\S+ +Linux \S+", "epolltop DATE TIME HOST Linux RELEASE"),
        (r"\n +observed", " observed"),  # where the name of the kernel's release is long
        (r"(?m)( at ).*", r"\1HOOK"),
        (r"(?m)^(note: ).*", r"\1"),
        (r"\b\d+\.\d+s\b", "SECONDS"),
        (r"(?m)^events \S+  sampled out \S+  lost \S+", "events N"),  # of the whole machine
        (r"self \S+ cpu \d+ ", "self N cpu N "),
        ("\N{HORIZONTAL ELLIPSIS}", "..."),
    ):
        text = re.sub(pattern, name, text)
    return [line.split() for line in text.splitlines() if line.strip() and line.strip() != "note:"]


# Why not the directory itself.


@pytest.fixture(name="instance")
def _instance() -> Iterator[select.epoll]:
    with select.epoll() as instance:
        yield instance


@PROOFS(
    "An instance can watch neither a directory nor a regular file: `epoll_ctl` fails with `EPERM`.",
)
def test_neither_directory_nor_file_can_be_watched(instance: select.epoll, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        fd = os.open(path, os.O_RDONLY)
        try:
            with pytest.raises(PermissionError) as refused:
                instance.register(fd, select.EPOLLIN)
            assert refused.value.errno == errno.EPERM
        finally:
            os.close(fd)


@PROOFS("There is nothing to wait for: `poll(2)` reports both as ready at once, whatever happens in them.")
def test_directories_and_files_are_always_ready(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        fd = os.open(path, os.O_RDONLY)
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            assert poll.poll(0) == [(fd, select.POLLIN)]
        finally:
            os.close(fd)


@PROOFS(
    "An instance can watch a descriptor of inotify: it becomes ready when something happens in the directory.",
    "epoll only reports that there is something to read; inotify reports that a file came, and its name.",
)
def test_inotify_becomes_ready_and_says_what_came(instance: select.epoll, tmp_path: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    inotify = libc.inotify_init1(os.O_CLOEXEC)
    try:
        assert libc.inotify_add_watch(inotify, os.fsencode(tmp_path), IN_CREATE) >= 0
        instance.register(inotify, select.EPOLLIN)
        assert instance.poll(0) == []
        (tmp_path / "came").touch()
        assert instance.poll(0) == [(inotify, select.EPOLLIN)]
        said = os.read(inotify, 4096)
        _, mask, _, length = struct.unpack_from("iIII", said)
        assert (mask, said[16 : 16 + length].rstrip(b"\0")) == (IN_CREATE, b"came")
    finally:
        os.close(inotify)
