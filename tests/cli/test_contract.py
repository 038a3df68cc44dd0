"""The contract of the snapshot file and the exit codes, on the real kernel."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import select
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.schema_check import check_document
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .observation import has_probes, row_of
from .program import environment, run, started

NUMBER = (int, float)
NONE = type(None)
Shape = dict[str, Any]

SOURCE: Shape = {
    "kind": str,
    "exact": bool,
    "unreadable": int,
    "probes": list,
    "events": int,
    **dict.fromkeys(("sampled_out", "failed_sampled_out"), int),
    "lost": int,
}
TOTALS: Shape = {
    **dict.fromkeys(("processes", "instances", "shown"), int),
    **dict.fromkeys(("created", "released", "create_failed", "released_by_kernel"), int),
    **dict.fromkeys(("create_per_s", "release_per_s"), NUMBER),
}
DOCUMENT: Shape = {"schema": str, "taken_at": str, "window_s": NUMBER, "host": dict, "source": dict, "totals": dict}
PROCESS: Shape = {
    **dict.fromkeys(("pid", "open", "created", "released", "create_failed", "sampled_out", "failed_sampled_out"), int),
    **dict.fromkeys(("name", "command"), str),
    **dict.fromkeys(("user", "cgroup", "container", "started_at"), (str, NONE)),
    **dict.fromkeys(("uid", "ns_pid"), (int, NONE)),
    **dict.fromkeys(("create_per_s", "release_per_s"), NUMBER),
    "instances": list,
}
INSTANCE: Shape = {
    "id": str,
    "fds": list,
    "holders": list,
    "provenance": str,
    "created_at": (str, NONE),
    "age_s": (*NUMBER, NONE),
    "size": (int, NONE),
    "flags": (list, NONE),
    "watches": (int, NONE),
    "stack": (list, NONE),
}
EVENT: Shape = {
    **dict.fromkeys(("timestamp", "argsNum"), int),
    **dict.fromkeys(("processId", "threadId", "parentProcessId", "userId", "returnValue"), (int, NONE)),
    **dict.fromkeys(("eventName", "hostName"), str),
    "processName": (str, NONE),
    "args": list,
    "epoll": dict,
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
PROC = ("--source", "proc")
sources = pytest.mark.parametrize("source", [PROC, pytest.param((), marks=pytest.mark.kernel)], ids=["proc", "auto"])


def check(document: Shape, shape: Shape) -> None:
    for name, kinds in shape.items():
        assert name in document, name
        assert isinstance(document[name], kinds), (name, document[name])
        assert not isinstance(document[name], bool) or kinds is bool, name


def check_snapshot(document: Shape, *, counted: bool = True) -> None:
    unknown = {key for key in {*TOTALS, *PROCESS} if not counted and _is_count(key)}
    if not any(probe["name"] == "epoll_create" and probe["traces"] for probe in document["source"]["probes"]):
        unknown |= {"create_failed", "sampled_out", "failed_sampled_out"}
    shape = {key: NONE if key in unknown else kinds for key, kinds in TOTALS.items()}
    check(document, DOCUMENT)
    check_document(document)
    assert document["schema"] == "epolltop.snapshot/1"
    assert TIME.fullmatch(document["taken_at"])
    assert set(document["host"]) >= {"hostname", "kernel", "machine"}
    check(document["source"], SOURCE)
    for probe in document["source"]["probes"]:
        check(probe, {"name": str, "attached_to": str, "traces": bool})
    check(document["totals"], shape)
    assert document["totals"]["shown"] == len(document["processes"])
    for process in document["processes"]:
        shape = {key: NONE if key in unknown else kinds for key, kinds in PROCESS.items()}
        if document["source"]["exact"] and not process["exact"]:  # a neighbour with 32-bit calls: its 0 may be more
            shape |= {key: (int, float, NONE) for key in PROCESS if _is_count(key)}
        check(process, shape)
        assert process["open"] == len(process["instances"])
        for instance in process["instances"]:
            check(instance, INSTANCE)
            assert re.fullmatch(r"[0-9a-f]+@\d+", instance["id"])
            assert instance["provenance"] in ("traced", "found")
            assert process["pid"] in instance["holders"]
            assert (instance["created_at"] is None) == (instance["age_s"] is None)


def _is_count(key: str) -> bool:
    return key.startswith(("create_", "created", "release")) or key.endswith("sampled_out")


@pytest.fixture
def actor() -> Iterator[Actor]:
    with Actor() as started:
        yield started


def snapshot(*arguments: str) -> Shape:
    ended = run(*arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    document: Shape = json.loads(ended.stdout)
    return document


@sources
def test_a_snapshot_keeps_the_contract(source: tuple[str, ...], actor: Actor) -> None:
    fds = [actor.create(), actor.create()]
    fds.append(actor.do("dup", fd=fds[0])["fd"])
    document = snapshot(*source, "snapshot", "-d", "0.3")
    check_snapshot(document)
    process = row_of(document, actor.pid)
    assert process["open"] == 2
    assert sorted(fd for instance in process["instances"] for fd in instance["fds"]) == sorted(fds)
    assert {instance["provenance"] for instance in process["instances"]} == {"found"}
    assert process["uid"] == os.getuid()
    assert document["totals"]["instances"] >= 2
    assert document["window_s"] >= 0.3
    assert document["source"]["exact"] == (document["source"]["kind"] == "bpf")


@sources
def test_without_an_observation_counts_are_unknown(source: tuple[str, ...], actor: Actor) -> None:
    actor.create()
    document = snapshot(*source, "snapshot", "-d", "0")
    check_snapshot(document, counted=False)
    assert document["window_s"] == 0
    assert row_of(document, actor.pid)["open"] == 1


@sources
def test_an_instance_of_two_processes_is_one(source: tuple[str, ...], actor: Actor) -> None:
    actor.create()
    child = actor.do("fork")["pid"]
    document = snapshot(*source, "snapshot", "-d", "0", "-p", str(actor.pid), "-p", str(child))
    mine, its = (row_of(document, pid)["instances"][0] for pid in (actor.pid, child))
    assert mine["id"] == its["id"]
    assert mine["holders"] == its["holders"] == sorted([actor.pid, child])
    assert document["totals"]["processes"] == 2
    assert document["totals"]["instances"] == 1


@sources
def test_selection_counts_and_filter_does_not(source: tuple[str, ...], actor: Actor) -> None:
    with Actor() as other:
        actor.create()
        other.create()
        other.create()
        both = ("-p", str(actor.pid), "-p", str(other.pid))
        document = snapshot(*source, "snapshot", "-d", "0", *both, "-F", "open>1")
        assert [process["pid"] for process in document["processes"]] == [other.pid]
        assert (document["totals"]["processes"], document["totals"]["shown"]) == (2, 1)
        assert document["totals"]["instances"] == 3
        by_pid = snapshot(*source, "snapshot", "-d", "0", *both, "-s", "pid", "-r", "1")
        assert [process["pid"] for process in by_pid["processes"]] == [min(actor.pid, other.pid)]
        turned = snapshot(*source, "snapshot", "-d", "0", *both, "-s", "pid", "--reverse")
        assert [process["pid"] for process in turned["processes"]] == sorted([actor.pid, other.pid], reverse=True)
        mine = snapshot(*source, "snapshot", "-d", "0", "-p", str(actor.pid), "-p", "4194305")
        assert mine["totals"]["processes"] == 1


def test_users_select(actor: Actor) -> None:
    actor.create()
    theirs = snapshot(*PROC, "snapshot", "-d", "0", "-u", str(os.getuid()), "-p", str(actor.pid))
    assert theirs["totals"]["processes"] == 1
    others = snapshot(*PROC, "snapshot", "-d", "0", "-u", "54321", "-p", str(actor.pid))
    assert others["totals"]["processes"] == 0
    assert others["processes"] == []


@pytest.mark.kernel
def test_counts_of_an_observation_are_exact(actor: Actor) -> None:
    with started("snapshot", "-d", "30", "--events") as program:
        observe_and_stop(program, actor)
        document = json.loads(program.stdout.read() if program.stdout else "")
    assert program.wait() == 130
    check_snapshot(document)
    process = row_of(document, actor.pid)
    assert (process["created"], process["released"]) == (7, 7)
    events = [event for event in document["events"] if event["processId"] == actor.pid]
    assert len(events) == 14
    for event in events:
        check(event, EVENT)
    assert {event["eventName"] for event in events} == {"epoll_create1", "files_free"}


def observe_and_stop(program: subprocess.Popen[str], actor: Actor) -> None:
    """Creates and releases seven until the program surely watches; then interrupts it."""
    eventually(lambda: has_probes(program.pid), 20)
    actor.do("pairs", count=7)
    program.send_signal(signal.SIGINT)


def test_a_bare_word_matches_name_pid_and_command(actor: Actor) -> None:
    actor.create()
    for word in (str(actor.pid), "ACTOR.py", f"{actor.pid} python"):
        document = snapshot(*PROC, "snapshot", "-d", "0", "-p", str(actor.pid), "-F", word)
        assert document["totals"]["shown"] == 1, word
    assert snapshot(*PROC, "snapshot", "-d", "0", "-p", str(actor.pid), "-F", "!python")["totals"]["shown"] == 0


def test_hostile_names_are_escaped(actor: Actor) -> None:
    actor.create()
    actor.do("name", octets=b"\x1b[31m\xff\n".hex())
    process = row_of(snapshot(*PROC, "snapshot", "-d", "0", "-p", str(actor.pid)), actor.pid)
    assert process["name"] == r"\x1b[31m\xff\x0a"


def test_a_file_is_written_whole_and_for_its_owner(tmp_path: Path, actor: Actor) -> None:
    actor.create()
    ended = run(*PROC, "snapshot", "-d", "0", "-o", "out.json", cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    check_snapshot(json.loads((tmp_path / "out.json").read_text()), counted=False)
    assert stat.S_IMODE((tmp_path / "out.json").stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["out.json"]


def test_other_formats(actor: Actor) -> None:
    actor.create()
    only = (*PROC, "snapshot", "-d", "0", "-p", str(actor.pid), "--format")
    (row,) = csv.DictReader(io.StringIO(run(*only, "csv").stdout))
    assert row["pid"] == str(actor.pid)
    assert f"| {actor.pid} |" in run(*only, "md").stdout
    assert re.search(rf"^ *{actor.pid} ", run(*only, "txt").stdout, re.MULTILINE)


@sources
def test_a_view_of_instances(source: tuple[str, ...], actor: Actor) -> None:
    fds = [actor.create(), actor.create()]
    only = (*source, "snapshot", "-d", "0", "-p", str(actor.pid), "--view", "instances", "-F", f"fds={fds[1]}")
    document = snapshot(*only)
    assert document["view"] == {
        "of": "instances", "filter": f"fds={fds[1]}", "sort": "age_s", "descending": True, "rows": None
    }  # fmt: skip
    (process,) = document["processes"]
    assert (process["pid"], process["open"]) == (actor.pid, 2)
    assert [instance["fds"] for instance in process["instances"]] == [[fds[1]]]
    assert (document["totals"]["shown"], document["totals"]["instances"]) == (1, 2)
    (row,) = csv.DictReader(io.StringIO(run(*only, "--format", "csv").stdout))
    assert (row["pid"], row["fds"], row["provenance"]) == (str(actor.pid), str(fds[1]), "found")


@pytest.mark.kernel
def test_a_view_of_events(actor: Actor) -> None:
    with started("snapshot", "-d", "30", "--view", "events", "-F", f"pid={actor.pid} kind=release") as program:
        observe_and_stop(program, actor)
        document = json.loads(program.stdout.read() if program.stdout else "")
    assert program.wait() == 130
    assert document["view"]["of"] == "events"
    assert [event["epoll"]["kind"] for event in document["events"]] == ["release"] * 7
    assert {event["processId"] for event in document["events"]} == {actor.pid}
    at = [event["timestamp"] for event in document["events"]]
    assert at == sorted(at, reverse=True)
    check_snapshot(document)


# Without a terminal: batch.


@sources
def test_without_a_terminal_it_is_batch_output(source: tuple[str, ...], actor: Actor) -> None:
    actor.create()
    ended = run(*source, "-n", "2", "-d", "0.1", "-p", str(actor.pid))
    assert (ended.returncode, ended.stderr) == (0, "")
    tables = ended.stdout.split("\n\nepolltop ")
    assert len(tables) == 2
    for table in tables:
        assert re.search(rf"^ *{actor.pid} \S+ +1 ", table, re.MULTILINE)
    assert "\x1b" not in ended.stdout
    assert all(len(line) <= 80 for line in ended.stdout.splitlines())


@pytest.mark.kernel
def test_batch_of_events_tells_those_since_the_last_table(actor: Actor) -> None:
    told: list[str] = []
    with started("-b", "--json", "--view", "events", "-d", "0.1", "-p", str(actor.pid)) as program:
        assert program.stdout is not None
        json.loads(program.stdout.readline())
        actor.do("pairs", count=3)
        while len(told) < 6:
            events = json.loads(program.stdout.readline())["events"]
            told.extend(f"{event['timestamp']} {event['eventName']}" for event in events)
        rest = [json.loads(program.stdout.readline())["events"] for _ in range(2)]
    assert len(set(told)) == len(told) == 6
    assert rest == [[], []]


@sources
def test_batch_lines_of_json(source: tuple[str, ...], actor: Actor) -> None:
    actor.create()
    ended = run(*source, "-b", "--json", "-n", "2", "-d", "0.2", "-p", str(actor.pid))
    assert (ended.returncode, ended.stderr) == (0, "")
    documents = [json.loads(line) for line in ended.stdout.splitlines()]
    for document in documents:
        check_snapshot(document)
        assert document["window_s"] < document["observed_s"] or document is documents[0]
    assert len(documents) == 2


def test_ascii_only(actor: Actor) -> None:
    actor.create()
    actor.do("name", octets="é日".encode().hex())
    for format in ("json", "csv", "md", "txt"):
        ended = run(*PROC, "--ascii", "snapshot", "-d", "0.2", "--format", format)
        assert ended.stdout.isascii(), format


def test_no_color_changes_nothing_in_a_pipe() -> None:
    for arguments, variables in (((), {"NO_COLOR": "1"}), (("--no-color",), {})):
        ended = run(*PROC, *arguments, "-b", "-n", "1", "-d", "0.1", env=environment(**variables))
        assert ended.returncode == 0
        assert "\x1b" not in ended.stdout


# Events.


@pytest.mark.kernel
def test_events_are_told_as_they_happen(actor: Actor) -> None:
    actor.create()  # of a process without an instance a note says so
    with started("events", "--json", "-p", str(actor.pid)) as program:
        first = churn_until_told(program, actor)
        check(json.loads(first), EVENT)
        program.send_signal(signal.SIGINT)
        rest, said = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, said) == (130, "")
    for line in rest.splitlines():
        check(json.loads(line), EVENT)


@pytest.mark.kernel
def test_events_have_stacks_if_asked_for(actor: Actor) -> None:
    filtered = ("-F", "stack:epoll_create1 kind:create")
    with started("events", "--json", "--stacks", "-p", str(actor.pid), *filtered) as program:
        event = json.loads(churn_until_told(program, actor))
    assert event["epoll"]["kind"] == "create"
    assert event["epoll"]["stack"][0].startswith("epoll_create1+0x")


@pytest.mark.kernel
def test_events_as_text(actor: Actor) -> None:
    with started("events", "-p", str(actor.pid), "-F", "kind=create") as program:
        assert program.stdout is not None
        heading = program.stdout.readline()
        assert heading.split()[:3] == ["TIME", "EVENT", "PID"]
        line = churn_until_told(program, actor).split()
        assert line[1:3] == ["create", str(actor.pid)]
        program.send_signal(signal.SIGINT)
        rest, _ = program.communicate(timeout=PATIENCE_S)
    assert "release" not in rest


def churn_until_told(program: subprocess.Popen[str], actor: Actor) -> str:
    """Creates and releases until a line comes."""
    assert program.stdout is not None
    poll = select.poll()
    poll.register(program.stdout, select.POLLIN)

    def told() -> bool:
        actor.do("pairs", count=1)
        return bool(poll.poll(100))

    eventually(told, 20)
    return program.stdout.readline()


# Signals.


@sources
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_batch_ends_cleanly(source: tuple[str, ...], number: int, code: int) -> None:
    with started(*source, "-b", "--json", "-d", "0.1") as program:
        assert program.stdout is not None
        json.loads(program.stdout.readline())
        program.send_signal(number)
        rest, said = program.communicate(timeout=PATIENCE_S)
    assert (program.returncode, said) == (code, "")
    for line in rest.splitlines():
        json.loads(line)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_snapshot_that_is_stopped_writes_what_it_saw(number: int, code: int, actor: Actor, tmp_path: Path) -> None:
    actor.create()
    path = tmp_path / "out.json"
    with started(*PROC, "snapshot", "-d", "60", "-o", str(path)) as program:
        eventually(lambda: observes(program.pid), 20)
        program.send_signal(number)
        assert program.communicate(timeout=PATIENCE_S) == ("", "")
    assert program.returncode == code
    document = json.loads(path.read_text())
    check_snapshot(document)
    assert row_of(document, actor.pid)["open"] == 1
    assert document["window_s"] < 30


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_events_end_cleanly(number: int, code: int) -> None:
    with started(*PROC, "events") as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("TIME")
        program.send_signal(number)
        program.communicate(timeout=PATIENCE_S)
    assert program.returncode == code


def observes(pid: int) -> bool:
    """Whether it is past its start: next to the main thread and that of signals there is the session's."""
    return len(os.listdir(f"/proc/{pid}/task")) >= 3


# Doctor.


@sources
def test_doctor(source: tuple[str, ...]) -> None:
    ended = run(*source, "doctor")
    assert (ended.returncode, ended.stderr) == (0, "")
    for name in ("privileges", "tracefs", "BTF", "lockdown", "BCC"):
        assert re.search(rf"^(ok  |FAIL)  {name} ", ended.stdout, re.MULTILINE)
    assert re.search(r"^source: (bpf, counts are exact|proc, counts are lower bounds)$", ended.stdout, re.MULTILINE)


@sources
def test_where_stacks_cannot_be_taken_it_is_said(source: tuple[str, ...]) -> None:
    for arguments in (("--stacks", *source, "doctor"), (*source, "doctor", "--stacks")):
        ended = run(*arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
        taken = "source: bpf" in ended.stdout
        assert ("note: no stacks" in ended.stdout) != taken
    assert "no stacks" not in run(*source, "doctor").stdout


@sources
def test_doctor_json(source: tuple[str, ...]) -> None:
    ended = run(*source, "doctor", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    document = json.loads(ended.stdout)
    assert document["schema"] == "epolltop.doctor/1"
    for need in document["requirements"]:
        check(need, {"name": str, "met": bool, "detail": str, "remedy": (str, NONE)})
    check(document["source"], SOURCE)
    assert document["error"] is None
    check(document["unlisted"], {"in_flight": int, "sockets": int, "registered": int, "complete": bool})


@sources
def test_the_doctor_says_what_is_in_flight_now(source: tuple[str, ...], actor: Actor) -> None:
    actor.do("send", fd=actor.create())
    assert json.loads(run(*source, "doctor", "--json").stdout)["unlisted"]["in_flight"] > 0
    said = r"^  note: instances held only by [\d,]+ descriptors? in flight in [\d,]+ sockets? .*are in no census$"
    assert re.search(said, run(*source, "doctor").stdout, re.MULTILINE)
