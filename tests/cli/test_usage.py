from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from epolltop import __version__
from epolltop.options import parse_options
from epolltop.query.view import EVENTS, INSTANCES, PROCESSES, Subject
from epolltop.text.safe import NARRATED_MAX
from tests.kernel.namespaces import OWN_USERS, missing
from tests.waiting import PATIENCE_S

from .program import COMMAND, NOBODY, environment, run, shell

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")


def test_version() -> None:
    ended = run("--version")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"epolltop {__version__}\n", "")


def test_what_may_be_repeated_adds_up_before_and_after_the_command() -> None:
    before = ["-p", "1", "-u", "0", "--attach", "census=proc", "--without", "files_free"]
    after = ["-p", "2", "-u", "65534", "--attach", "epoll_create=tracepoint"]
    options = parse_options([*before, "events", *after], no_color=False)
    assert (set(options.selection.pids), set(options.selection.uids)) == ({1, 2}, {0, 65534})
    assert dict(options.attach) == {"census": "proc", "epoll_create": "tracepoint"}
    assert options.without == ("files_free",)
    assert parse_options(["events", "-p", "2"], no_color=False).selection.pids == {2}
    assert parse_options(["-p", "1"], no_color=False).selection.pids == {1}


@pytest.mark.parametrize("arguments", [("--help",), ("snapshot", "--help"), ("events", "-h"), ("doctor", "-h")])
def test_help_is_output(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: epolltop")


def test_help_names_the_commands_and_options_of_the_contract() -> None:
    said = run("--help").stdout
    for word in ("snapshot", "events", "doctor", "--source", "--pid", "--user", "--filter", "--sort", "--rows", "-d"):
        assert word in said
    for word in ("--include-self", "--stacks", "--blocked-stacks", "--no-color", "--ascii", "--batch", "-n"):
        assert word in said


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        ((), PROCESSES),
        (("--view", "processes"), PROCESSES),
        (("--view", "instances"), INSTANCES),
        (("snapshot", "--view", "events"), EVENTS),
        (("--view", "instances", "snapshot"), INSTANCES),
        (("events",), EVENTS),
    ],
)
def test_sort_help_lists_the_fields_of_what_is_viewed(arguments: tuple[str, ...], subject: Subject[Any]) -> None:
    ended = run(*arguments, "-s", "help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [line.split()[0] for line in ended.stdout.splitlines()] == [field.id for field in subject.fields]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--nope",), "unrecognized arguments: --nope"),
        (("nope",), "invalid choice: 'nope'"),
        (("-p", "abc"), "'abc' is not a positive whole number"),
        (("-p", "-1"), "-p"),
        (("-u", "no-such-user"), "there is no user 'no-such-user'"),
        (("-d", "soon"), "'soon' is not a number of seconds"),
        (("-d", "nan"), "'nan' is not a number of seconds"),
        (("-d", "0.01"), "the refresh is 0.1 s or more"),
        (("-b", "-d", "0"), "the refresh is 0.1 s or more"),
        (("-n", "0"), "'0' is not a positive whole number"),
        (("--blocked-stacks", "0"), "'0' is not a number of milliseconds, from 1 to 1,000,000,000"),
        (("--blocked-stacks", "2e9"), "'2e9' is not a number of milliseconds, from 1 to 1,000,000,000"),
        (("--blocked-stacks", "5", "--without", "epoll_wait"), "--blocked-stacks: without the probe epoll_wait"),
        (("-r", "0"), "'0' is not a positive whole number"),
        (("-s", "opem"), "there is no field 'opem', did you mean open?"),
        (("snapshot", "--view", "instances", "-s", "open"), "there is no field 'open'"),
        (("-b", "--view", "event"), "invalid choice: 'event'"),
        (("doctor", "--view", "events"), "unrecognized arguments: --view"),
        (("--source", "ebpf"), "invalid choice: 'ebpf'"),
        (("snapshot", "--format", "xml"), "invalid choice: 'xml'"),
        (("snapshot", "-o", ""), "the file needs a name"),
        (
            ("--attach", "census=iterator", "--attach", "files_free=census", "--attach", "census=proc"),
            "--attach: census has one hook, not iterator and proc",
        ),
        (("--without", "epoll_create"), "only epoll_ctl, epoll_wait, files_free can be left out, not 'epoll_create'"),
        (("--without", "census"), "only epoll_ctl, epoll_wait, files_free can be left out, not 'census'"),
        (("--without", "epoll"), "only epoll_ctl, epoll_wait, files_free can be left out, not 'epoll'"),
        (("--without", "files_free", "--source", "proc"), "--without: /proc has no probes"),
        (
            ("--without", "files_free", "--attach", "files_free=kprobe"),
            "--attach: files_free has no hook with --without files_free",
        ),
    ],
)
def test_bad_usage_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert re.fullmatch(r"epolltop: .*; see epolltop --help\n", ended.stderr)


@pytest.mark.parametrize("command", [(), ("snapshot",), ("events",)])
@pytest.mark.parametrize(("text", "at"), [("kind=x pid>>1", 11), ("name~[", 5), ('"open', 0), ("kind=a and", 10)])
def test_a_bad_filter_is_pointed_at(command: tuple[str, ...], text: str, at: int) -> None:
    if "kind" in text and command != ("events",):
        text = text.replace("kind", "name")
    ended = run(*command, "-F", text)
    assert (ended.returncode, ended.stdout) == (2, "")
    complaint, echoed, caret = ended.stderr.splitlines()
    assert complaint.startswith("epolltop: filter: ")
    assert echoed[2:] == text
    assert caret.index("^") - 2 == at


@pytest.mark.parametrize("command", [(), ("snapshot",), ("events",), ("-b",)])
def test_a_process_that_is_not_there(command: tuple[str, ...]) -> None:
    ended = run(*command, "-p", "4194305")  # above the largest pid_max
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "epolltop: there is no process 4194305\n"


def test_options_may_stand_before_the_command() -> None:
    ended = run("--source", "proc", "-r", "1", "snapshot", "-d", "0", "--format", "csv")
    assert ended.returncode == 0, ended.stderr
    assert len(ended.stdout.splitlines()) >= 1


def test_an_output_that_cannot_be_written() -> None:
    ended = run("--source", "proc", "snapshot", "-d", "0", "-o", "/proc/nothing.json")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "epolltop: /proc/nothing.json: No such file or directory\n"


def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    options = NOBODY if os.geteuid() == 0 else {}
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(parent.stat().st_mode | 0o011) if os.geteuid() == 0 and parent != Path("/") else None
    closed.chmod(0o555)
    ended = run("--source", "proc", "snapshot", "-d", "0", "-o", str(closed / "out.json"), **options)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"epolltop: {closed / 'out.json'}: Permission denied\n"
    assert os.listdir(closed) == []


def test_devices_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = run("--source", "proc", "snapshot", "-d", "0", "-o", str(tmp_path / "pipe"))
    assert ended.returncode == 1
    assert f"epolltop: {tmp_path / 'pipe'}: exists and is not an ordinary file; " in ended.stderr
    assert "send stdout there (> FILE)" in ended.stderr


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("through", ['"$@" | cat', '"$@"'], ids=["pipe", "captured"])
def test_stdout_by_its_name_is_stdout(name: str, through: str) -> None:
    ended = shell(through, "--source", "proc", "snapshot", "-d", "0", "-o", name)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["schema"] == "epolltop.snapshot/1"
    recorded = shell(f'"$@" record {name} -d 0 | "$@" replay - snapshot', "--source", "proc")
    assert recorded.returncode == 0, recorded.stderr


def test_what_cannot_be_written_is_said_before_anything_is_observed(tmp_path: Path) -> None:
    began = time.monotonic()
    ended = run("--source", "proc", "snapshot", "-d", "3600", "-o", str(tmp_path / "missing" / "file"))
    assert ended.returncode == 1
    assert time.monotonic() - began < PATIENCE_S


TREACHEROUS = "\x1b]0;title\x07\n\x9b31m\u202e"


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", TREACHEROUS),
        ("replay", TREACHEROUS * 200),
        ("--source", "proc", "snapshot", "-d", "0", "-o", f"/missing/{TREACHEROUS}"),
        ("--source", "proc", "record", f"/missing/{TREACHEROUS}"),
    ],
)
def test_names_of_files_do_no_harm_to_the_terminal(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.returncode in (1, 2)
    (line,) = ended.stderr.splitlines()
    assert line.isprintable()
    assert len(line) < 10 * NARRATED_MAX


@as_root
def test_a_forged_id_is_said_at_once_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    for arguments in (("snapshot", "-d", "3600", "-o", "file"), ("record", "file")):
        ended = run("--source", "proc", *arguments, cwd=tmp_path, env=environment(SUDO_UID="4294967296"))
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "SUDO_UID=4294967296 names no user" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


# Closed and full descriptors.


ALL_THAT_WRITE = [("snapshot", "-d", "0"), ("-b", "-d", "0.1"), ("events",), ("record", "-"), ("doctor",)]


@pytest.mark.parametrize("command", ALL_THAT_WRITE)
def test_a_full_disk_is_told(command: tuple[str, ...]) -> None:
    ended = shell('"$@" >/dev/full', "--source", "proc", *command)
    assert ended.returncode == 1
    assert "epolltop: stdout: No space left on device\n" in ended.stderr


@pytest.mark.parametrize("command", ALL_THAT_WRITE)
def test_a_closed_stdout_is_told(command: tuple[str, ...]) -> None:
    ended = shell('"$@" >&-', "--source", "proc", *command)
    assert ended.returncode == 1
    assert ended.stderr == "epolltop: stdout: closed\n"


def test_a_closed_stdout_does_not_matter_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    ended = shell('"$@" >&-', "--source", "proc", "snapshot", "-d", "0", "-o", str(path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert path.read_text().startswith("{")


def test_a_closed_stdin_does_not_matter() -> None:
    ended = shell('"$@" <&-', "--source", "proc", "snapshot", "-d", "0")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("{")


def test_a_closed_stderr_does_not_matter() -> None:
    ended = shell('"$@" 2>&-', "-p", "4194305")
    assert (ended.returncode, ended.stdout) == (1, "")


@pytest.mark.parametrize("command", [("-b", "-d", "0.1"), ("-b", "-d", "0.1", "--json")])
def test_a_closed_pipe_is_silent(command: tuple[str, ...]) -> None:
    ended = shell('{ "$@"; echo "status $?" >&2; } | head -c 1', "--source", "proc", *command)
    assert len(ended.stdout) == 1
    assert ended.stderr == "status 0\n"


def test_a_snapshot_into_a_closed_pipe_is_silent() -> None:
    ended = shell('{ "$@"; echo "status $?" >&2; } | true', "--source", "proc", "snapshot", "-d", "0.2")
    assert ended.stderr == "status 0\n"


def test_a_locale_that_knows_little_gets_escapes() -> None:
    ended = run(
        *("--source", "proc", "-b", "-n", "1", "-d", "0.1"), env=environment(PYTHONIOENCODING="ascii"), text=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.isascii()


# Who may not.

BESIDE = Path(sys.executable).with_name("epolltop")
"""What installers put there."""


@as_root
def test_bpf_without_privileges_says_why_and_what_to_do() -> None:
    ended = run("--source", "bpf", "snapshot", "-d", "0", **NOBODY)
    assert (ended.returncode, ended.stdout) == (3, "")
    why, remedy = ended.stderr.splitlines()
    assert why == "epolltop: privileges: uid 65534, may not load BPF programs"
    assert remedy == f"  remedy: run it as root: sudo {BESIDE}"


@as_root
def test_auto_without_privileges_reads_proc_and_says_so() -> None:
    ended = run("-b", "-n", "1", "-d", "0.1", **NOBODY)
    assert (ended.returncode, ended.stderr) == (0, "")
    said = " ".join(ended.stdout.split())
    assert "source proc" in said
    assert "note: only /proc is read, since privileges: uid 65534, may not load BPF programs" in said
    assert f"remedy: run it as root: sudo {BESIDE}" in said


@as_root
@pytest.mark.parametrize("command", [("events", "-d", "0.1"), ("snapshot", "-d", "0", "--format", "csv")])
def test_output_without_a_headline_says_beside_it_that_only_proc_is_read(command: tuple[str, ...]) -> None:
    ended = run(*command, **NOBODY)
    first, *others = ended.stderr.splitlines()
    assert first.startswith(
        "epolltop: note: only /proc is read, since privileges: uid 65534, may not load BPF programs"
    )
    assert "epolltop: note: the creator, the time, and the size or flags of a creation are not known" in others
    assert "note" not in ended.stdout


@as_root
def test_a_program_learns_in_one_word_why_only_proc_is_read() -> None:
    ended = run("snapshot", "-d", "0", **NOBODY)
    (only_proc,) = [limit for limit in json.loads(ended.stdout)["limits"] if limit["id"] == "only_proc"]
    assert only_proc["evidence"]["cause"] == "privileges"


@as_root
def test_doctor_without_privileges_says_what_is_missing() -> None:
    ended = run("doctor", **NOBODY)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.search(r"^FAIL  privileges +uid 65534, may not load BPF programs$", ended.stdout, re.MULTILINE)
    assert f"remedy: run it as root: sudo {BESIDE}" in ended.stdout
    assert "source: proc, counts are lower bounds" in ended.stdout
    assert re.search(r"^  note: [\d,]+ process(es)? could not be read$", ended.stdout, re.MULTILINE)


@as_root
def test_doctor_about_a_source_that_cannot_run() -> None:
    ended = run("doctor", "--source", "bpf", "--json", **NOBODY)
    assert ended.returncode == 3
    assert '"source": null' in ended.stdout
    assert "may not load BPF programs" in ended.stdout


def test_an_unknown_theme_is_refused_with_those_there_are() -> None:
    refused = run("--theme", "nonsense")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there is no theme 'nonsense', only ansi-dark, ansi-light, " in refused.stderr


def test_text_is_as_wide_as_is_asked_for() -> None:
    def longest(*width: str) -> int:
        lines = run("snapshot", "-d", "0", "--source", "proc", "--format", "txt", "--include-self", *width).stdout
        return max(map(len, lines.splitlines()))

    assert longest() <= 80 < longest("-w", "200") <= 200
    assert run("snapshot", "-w", "3").returncode == 2


@pytest.mark.kernel
def test_with_too_few_descriptors_it_says_how_to_get_more() -> None:
    ended = shell('ulimit -n 12; exec "$@"', "--source", "bpf", "-b", "-n", "1")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert re.fullmatch(r"epolltop: .*Too many open files\n  remedy: ulimit -n 1024\n", ended.stderr, re.DOTALL)


@pytest.mark.skipif(bool(missing(*OWN_USERS)), reason=missing(*OWN_USERS))
def test_root_of_a_user_namespace_is_told_that_it_is_not_enough() -> None:
    ended = subprocess.run([*OWN_USERS, *COMMAND, "--source", "bpf", "-b"], check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "privileges: root of a user namespace, may not load BPF programs" in ended.stderr
    assert "remedy: run it outside of this user namespace" in ended.stderr


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("before", ["", "漢字 " * 20, "open>=0 " * 20, "\t\x1b[31m "])
def test_a_bad_filter_is_pointed_at_in_sight(columns: int, before: str) -> None:
    ended = run("-b", "-F", f"{before}nope>1 {before}", env=environment(COLUMNS=str(columns)))
    assert ended.returncode == 2
    said, shown, caret = ended.stderr.rstrip("\n").split("\n")
    assert "there is no field 'nope'" in said
    assert cell_len(shown[: shown.index("nope>1")]) == len(caret) - 1
    assert cell_len(shown) < columns
    assert shown.isprintable()
