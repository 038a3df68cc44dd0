"""The contract of the snapshot file, on the real kernel."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.waiting import eventually
from tests.workloads.client import Actor

from .observation import has_probes, row_of
from .program import PROC, run, sources, started
from .shapes import EVENT, Shape, check, check_snapshot


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
