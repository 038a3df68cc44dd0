"""Recordings from end to end, as a person makes and reads them."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from epolltop.errors import Unplayable
from tests.support.recordings import read
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .program import COMMAND, ROOT, environment, run, shell, started

PROC = ("--source", "proc")
NARRATION = r"(epolltop: note: .+\n)*epolltop: \d+ ticks?, [\d.]+ (Bytes|KiB) in {}\n"


@pytest.fixture(name="recorded", scope="module")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A recording of two seconds of /proc, and a process in it that holds an instance."""
    path = tmp_path_factory.mktemp("recorded") / "file"
    with Actor() as actor:
        actor.create()
        ended = run(*PROC, "record", str(path), "-d", "2")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert re.fullmatch(NARRATION.format(re.escape(str(path))), ended.stderr)
    return path, actor.pid


@pytest.fixture(name="path", scope="module")
def _path(recorded: tuple[Path, int]) -> Path:
    return recorded[0]


def frames(path: Path) -> int:
    try:
        return len(read(path.read_bytes())[0])
    except (FileNotFoundError, Unplayable):
        return 0


# Recording.


def test_a_recording_is_its_owners_alone_and_whole(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    ticks, trouble = read(path.read_bytes())
    assert (len(ticks), trouble) == (3, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_a_whole_file(number: int, code: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with started(*PROC, "record", str(path)) as program:
        eventually(lambda: frames(path) >= 1, 20)
        program.send_signal(number)
        written, said = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, written) == (code, "")
    assert re.fullmatch(NARRATION.format(re.escape(str(path))), said)
    assert read(path.read_bytes())[1] == ""


def test_a_signal_before_it_has_begun_leaves_no_file_beside_it(tmp_path: Path) -> None:
    patient = (
        "from epolltop.own_process import leaving; leaving.GRACE_S = 60; from epolltop.entry import enter; enter()"
    )
    command = [sys.executable, "-c", patient, *PROC, "record", str(tmp_path / "file")]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL) as program:
        try:
            eventually(lambda: any(tmp_path.iterdir()))
            program.send_signal(signal.SIGINT)
            assert program.wait(60) == 0
        finally:
            program.kill()
    assert {path.name for path in tmp_path.iterdir()} <= {"file"}


def test_of_a_file_that_never_stood_there_no_size_is_told(tmp_path: Path) -> None:
    script = 'ulimit -f 0; exec "$@"'
    ended = shell(script, *PROC, "record", str(tmp_path / "file"), "-d", "1")
    assert (ended.returncode, ended.stderr) == (1, f"epolltop: {tmp_path}/file: File too large\n")
    assert not [*tmp_path.iterdir()]


def test_killed_it_leaves_what_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with started(*PROC, "record", str(path)) as program:
        eventually(lambda: frames(path) >= 2, 20)
        program.kill()
        program.wait()
    ticks, trouble = read(path.read_bytes())
    assert trouble == f"was cut off after {len(ticks)} ticks"


def test_an_old_file_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "file").write_text("old")
    os.link(tmp_path / "file", tmp_path / "other")
    assert run(*PROC, "record", "file", "-d", "0", cwd=tmp_path).returncode == 0
    assert frames(tmp_path / "file") == 2
    assert (tmp_path / "other").read_text() == "old"
    (tmp_path / "link").symlink_to("precious")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        ended = run(*PROC, "record", name, "-d", "0", cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ": exists and is not an ordinary file; " in ended.stderr
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_full_disk_ends_it_and_the_file_can_be_replayed(tmp_path: Path) -> None:
    script = (
        'mount -t tmpfs -o size=128k tmpfs "$0" &&'
        ' "$@" --source proc record "$0/file" -d 20; echo "status $?";'
        ' "$@" replay "$0/file" -b --json | tail -n 1'
    )
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, tmp_path, sys.executable, "-c", PADDED],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment(),
    )
    assert f"epolltop: {tmp_path}/file: No space left on device\n" in ended.stderr
    assert "epolltop: the recording was cut off after " in ended.stderr
    status, document = ended.stdout.splitlines()
    assert status == "status 1"
    assert json.loads(document)["source"]["kind"] == "replay"


PADDED = """
import random, sys
from epolltop.sources.proc_source import ProcSource
poll = ProcSource.poll
def padded(self, *asked):
    batch = poll(self, *asked)
    return __import__("dataclasses").replace(batch, watches={random.getrandbits(60): 1 for _ in range(4000)})
ProcSource.poll = padded
from epolltop.cli import main
sys.exit(main())
"""
"""The program, with so much to tell that a small disk is full soon."""


def test_a_pipe_takes_a_recording_on() -> None:
    ended = shell('"$@" record - -d 1 | "$1" -m epolltop replay - --json -b', *PROC)
    # $1 is Python itself.
    documents = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [document["source"]["kind"] for document in documents] == ["replay"]
    assert re.fullmatch(NARRATION.format("stdout"), ended.stderr)


def test_a_pipe_that_closes_is_silent_but_for_what_was_written() -> None:
    ended = shell('{ "$@" record - -d 5; echo "status $?" >&2; } | head -c 1 >/dev/null', *PROC)
    assert ended.stderr.endswith("status 0\n")


def test_a_terminal_is_not_written_to() -> None:
    ours, theirs = pty.openpty()
    ended = subprocess.run(
        [*COMMAND, "record", "-"], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=PATIENCE_S
    )
    os.close(theirs)
    os.close(ours)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"epolltop: a recording cannot go to a terminal")


def test_a_source_that_cannot_run_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    ended = run("-p", "4194305", *PROC, "record", str(path))
    assert (ended.returncode, path.read_text()) == (1, "old")


# Replaying.


def test_every_front_end(path: Path) -> None:
    table = run("replay", str(path), "-b", "-n", "1")
    assert (table.returncode, table.stderr) == (0, "")
    assert "source replay" in table.stdout
    assert table.stdout.count("PID USER") == 1
    for arguments in (["snapshot"], ["--format", "json"], ["--events"], ["-o", str(path.with_name("out"))]):
        written = run("replay", str(path), *arguments).stdout or path.with_name("out").read_text()
        document: dict[str, Any] = json.loads(written)
        assert document["observed_s"] == document["window_s"] > 1.9
        assert document["totals"]["shown"] >= 1
        assert ("events" in document) == ("--events" in arguments)
    lines = run("replay", str(path), "events").stdout.splitlines()
    assert lines[0].startswith("TIME ")


def test_without_a_terminal_it_is_batch_output(path: Path) -> None:
    assert run("replay", str(path)).stdout == run("replay", str(path), "-b").stdout


def test_filters_and_selections_apply(recorded: tuple[Path, int]) -> None:
    path, pid = str(recorded[0]), str(recorded[1])
    whole = json.loads(run("replay", path, "snapshot").stdout)
    for arguments in (["-F", f"actor.py pid={pid}"], ["-p", pid], ["-u", str(os.geteuid()), "-F", f"pid={pid}"]):
        document = json.loads(run("replay", path, "snapshot", *arguments).stdout)
        assert [str(process["pid"]) for process in document["processes"]] == [pid]
    assert json.loads(run("replay", path, "-b", "--json", "-p", "4194305").stdout.splitlines()[0])["processes"] == []
    cut = json.loads(run("replay", path, "snapshot", "-r", "1", "-s", "pid").stdout)
    assert cut["totals"]["shown"] == 1
    assert cut["totals"]["processes"] == whole["totals"]["processes"]


def test_of_the_whole_or_of_its_beginning(path: Path) -> None:
    observed = [
        json.loads(run("replay", str(path), "snapshot", *seconds).stdout)["observed_s"]
        for seconds in (["-d", "0"], ["-d", "0.5"], [])
    ]
    assert observed == sorted(observed)
    assert len(set(observed)) == 3
    assert observed[0] == 0


def test_a_snapshot_file_shows_what_it_showed(tmp_path: Path) -> None:
    then = tmp_path / "then.json"
    with Actor() as actor:
        actor.create()
        assert run(*PROC, "snapshot", "-d", "0.2", "--events", "-o", str(then)).returncode == 0
    again = run("replay", str(then), "--events")
    assert (again.returncode, again.stderr) == (0, "")
    assert json.loads(again.stdout) == json.loads(then.read_text().replace('"kind": "proc"', '"kind": "replay"'))
    table = run("replay", str(then), "-b").stdout
    assert f" {actor.pid} " in table
    assert table.count("source replay") == 1


def test_a_cut_is_told_once_and_what_stands_before_it_is_shown(path: Path, tmp_path: Path) -> None:
    raw = path.read_bytes()
    (tmp_path / "cut").write_bytes(raw[:-20])
    ended = run("replay", str(tmp_path / "cut"), "-b")
    assert (ended.returncode, ended.stderr) == (0, "epolltop: the recording was cut off after 2 ticks\n")
    assert "note: the recording was cut off after 2 ticks" in ended.stdout
    piped = subprocess.run([*COMMAND, "replay", "-", "snapshot"], input=raw[:-20], capture_output=True, check=False)
    assert (piped.returncode, piped.stderr) == (0, b"epolltop: the recording was cut off after 2 ticks\n")


@pytest.mark.parametrize("front_end", [["-b"], ["snapshot"], ["events"]])
@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"#!/bin/sh\n", "neither a recording nor a snapshot of epolltop"),
        (b"{}", "not a snapshot of epolltop: Object missing required field `schema`"),
        (b"epolltop.recording/7 {}\n", "a recording of version 7; this epolltop reads versions 1 and 2"),
    ],
)
def test_a_strange_file_is_one_sentence(raw: bytes, said: str, front_end: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(raw)
    ended = run("replay", str(tmp_path / "file"), *front_end)
    assert (ended.returncode, ended.stderr) == (1, f"epolltop: {tmp_path / 'file'}: {said}\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name, said in (("missing", "No such file or directory"), ("", "Is a directory")):
        ended = run("replay", str(tmp_path / name))
        assert (ended.returncode, ended.stderr) == (1, f"epolltop: {tmp_path / name}: {said}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("begun", [b"", b"epolltop.rec"])
def test_waiting_for_a_stream_can_be_stopped(number: int, begun: bytes) -> None:
    with started("replay", "-", "-b", stdin=subprocess.PIPE) as program:
        assert program.stdin is not None
        os.write(program.stdin.fileno(), begun)
        eventually(lambda: "session" in threads(program.pid), 20)
        program.send_signal(number)
        assert program.wait(20) == 128 + number
        assert program.stderr is not None
        assert program.stderr.read() == ""


def threads(pid: int) -> str:
    tasks = Path(f"/proc/{pid}/task")
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return "session" if len(os.listdir(tasks)) > 1 and caught >> (signal.SIGTERM - 1) & 1 else ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("record",), "FILE"),
        (("record", ""), "the file needs a name"),
        (("record", "file", "-F", "open>1"), "-F: a recording contains everything; use -F with replay"),
        (("replay",), "FILE"),
        (("replay", "file", "doctor"), "invalid choice: 'doctor'"),
        (("replay", "file", "-b", "-d", "3"), "-d: a replay has the refresh of its recording"),
        (("replay", "file", "events", "-o", "out"), "--format, -o and --events go with snapshot, not with events"),
    ],
)
def test_bad_usage(arguments: tuple[str, ...], said: str) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert ended.stderr.endswith("; see epolltop --help\n")


def test_help_names_both() -> None:
    assert {"record", "replay"} <= set(run("--help").stdout.split())
    for command in ("record", "replay"):
        assert run(command, "--help").stdout.startswith(f"usage: epolltop {command}")
