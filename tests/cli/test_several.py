"""Several processes and users in one argument, as other tools take them; options on either side of a front end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.command_line import BadUsage
from epolltop.errors import Requirement
from epolltop.options import parse_options
from epolltop.own_process.own_command import own_command
from epolltop.query.refusal_catalogue import needed
from tests.workloads.client import Actor

from .program import run

_SEPARATORS = st.sampled_from([",", " ", ", ", "  ", " , "])


@given(st.lists(st.integers(1, 4_194_304), min_size=1, max_size=8), st.data())
def test_pids_in_any_arrangement(pids: list[int], data: st.DataObject) -> None:
    arguments, rest = [], [str(pid) for pid in pids]
    while rest:
        taken = data.draw(st.integers(1, len(rest)))
        arguments += ["-p", data.draw(_SEPARATORS).join(rest[:taken])]
        rest = rest[taken:]
    split = data.draw(st.integers(0, len(arguments) // 2)) * 2
    options = parse_options([*arguments[:split], "snapshot", *arguments[split:]], no_color=True)
    assert options.selection.pids == set(pids)


def test_users_likewise() -> None:
    assert parse_options(["-u", "root,4711", "-u", "0 4712"], no_color=True).selection.uids == {0, 4711, 4712}


@pytest.mark.parametrize("pids", ["1,x", "", ",", "1;2", "0", "-1", "1,,x"])
def test_what_is_no_pid_is_refused(pids: str) -> None:
    with pytest.raises(BadUsage, match="is not a positive whole number"):
        parse_options([f"-p{pids}"] if pids else ["-p", ""], no_color=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.rec", "-p", "1", "snapshot", "--format", "csv"),
        ("-p", "1", "a.rec", "snapshot", "--format", "csv"),
        ("a.rec", "snapshot", "-p", "1", "--format", "csv"),
        ("a.rec", "--format", "csv", "-p", "1", "snapshot"),
    ],
)
def test_options_stand_anywhere_in_a_replay(arguments: tuple[str, ...]) -> None:
    options = parse_options(["replay", *arguments], no_color=True)
    assert (options.command, options.format, set(options.selection.pids)) == ("snapshot", "csv", {1})
    assert options.saved == str(Path("a.rec").absolute())


@pytest.mark.parametrize(
    "arguments", [("a", "-p", "1", "x"), ("a", "events", "-p", "1", "live"), ("a", "--no", "live")]
)
def test_what_is_too_much_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(BadUsage, match="unrecognized arguments"):
        parse_options(["replay", *arguments], no_color=True)


def test_every_pid_is_accounted_for() -> None:
    with subprocess.Popen(["sleep", "60"]) as ended, Actor() as actor, subprocess.Popen(["sleep", "60"]) as idle:
        ended.kill()
        ended.wait()
        actor.create()
        asked = f"{ended.pid},{actor.pid},{idle.pid}"
        for source in ("auto", "proc"):
            told = json.loads(run("--source", source, "snapshot", "-d", "0", "-p", asked).stdout)
            assert [each["pid"] for each in told["processes"]] == [actor.pid]
            assert told["absent_pids"] == [ended.pid]
            text = run("--source", source, "-b", "-n", "1", "-d", "0.1", "-p", asked).stdout
            assert f"note: there is no process {ended.pid}\n" in text
        idle.kill()


def test_a_remedy_names_this_very_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for started, named in (
        ("/opt/a b/bin/epolltop", "'/opt/a b/bin/epolltop'"),
        ("bin/epolltop", f"{tmp_path}/bin/epolltop"),
        ("/x/epolltop/__main__.py", str(Path(sys.executable).with_name("epolltop"))),
    ):
        monkeypatch.setattr(sys, "argv", [started])
        need = Requirement("privileges", False, {"state": "too_few", "program": own_command()})
        assert needed(need) == f"run it as root: sudo {named}"
