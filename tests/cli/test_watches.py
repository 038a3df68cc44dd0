"""`snapshot --watches`: what each instance watches, by name, in JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.sources.test_interest import running
from tests.workloads.client import Actor

from .program import run


def interest(*arguments: str) -> dict[int, list[dict[str, Any]]]:
    """By lowest descriptor of the only process's instances."""
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    (process,) = json.loads(done.stdout)["processes"]
    return {min(each["fds"]): each["interest"] for each in process["instances"]}


@pytest.mark.parametrize("source", [pytest.param("bpf", marks=pytest.mark.kernel), "proc"])
@pytest.mark.parametrize("which", ["inet", "pipes"])
def test_each_target_has_its_name(source: str, which: str, tmp_path: Path) -> None:
    with running(which, tmp_path) as said:
        told = interest("--source", source, "snapshot", "-d", "0", "--watches", "-p", str(said["pid"]))
    watches = {each["fd"]: each for each in told[said["instance"]]}
    expected = {int(fd): tuple(named) for fd, named in said["told"].items()}
    assert {fd: (each["kind"], each["target"]) for fd, each in watches.items()} == expected
    assert {each["stale"] for each in watches.values()} == {False}
    assert all(each["events"][0] == "EPOLLIN" and each["events"][-1] == "EPOLLET" for each in watches.values())


@pytest.mark.kernel
def test_what_was_closed_and_an_instance_within_another_one_are_told() -> None:
    with Actor() as actor:
        outer, inner = actor.create(), actor.create()
        read, _ = actor.do("pipe")["fds"]
        actor.do("ctl", fd=outer, calls=[[1, inner], [1, read]], count=1)
        kept = actor.do("dup", fd=read)["fd"]
        actor.do("close", fds=[read])
        assert kept != read
        done = run("snapshot", "-d", "0", "--watches", "-p", str(actor.pid))
    (process,) = json.loads(done.stdout)["processes"]
    ids = {min(each["fds"]): each["id"] for each in process["instances"]}
    (watched,) = [each["interest"] for each in process["instances"] if min(each["fds"]) == outer]
    told = {each["fd"]: (each["kind"], each["stale"], each["nested"]) for each in watched}
    assert told == {inner: ("epoll", False, ids[inner]), read: ("pipe", True, None)}


def test_instances_are_found_by_what_they_watch(tmp_path: Path) -> None:
    def found(filter: str) -> list[int]:
        told = run(*asked, "-F", filter)
        assert told.returncode == 0, told.stderr
        return [min(each["fds"]) for row in json.loads(told.stdout)["processes"] for each in row["instances"]]

    with running("inet", tmp_path) as said:
        asked = (
            *("--source", "proc", "snapshot", "-d", "0", "--watches", "--view", "instances"), "-p", str(said["pid"])
        )  # fmt: skip
        listener = next(text for kind, text in said["told"].values() if kind == "tcp" and "127" in text)
        assert found(f'watch:"tcp {listener}"') == [said["instance"]]
        assert found("stale=0") == [said["instance"]]
        assert found("stale>0") == found("watch:inotify") == []


def test_a_view_has_a_row_for_each_watch(tmp_path: Path) -> None:
    with running("inet", tmp_path) as said:
        options = ("--source", "proc", "-p", str(said["pid"]), "--view", "watches")
        done = run(*options, "snapshot", "-d", "0", "-s", "fd", "--format", "csv")
        table = run(*options, "-b", "-n", "2", "-d", "0.2", "-w", "200", "-F", "kind=udp")
        document = run(*options, "snapshot", "-d", "0", "-F", "kind=udp")
    assert (done.returncode, table.returncode, document.returncode) == (0, 0, 0)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert {row["fd"]: [row["kind"], row["target"]] for row in rows} == said["told"]
    assert {(row["pid"], row["instance_fd"]) for row in rows} == {(str(said["pid"]), str(said["instance"]))}
    udp = {fd: text for fd, (kind, text) in said["told"].items() if kind == "udp"}
    last = table.stdout.strip().split("\n\n")[-1].splitlines()
    assert last[0].split()[:6] == ["PID", "NAME", "EPFD", "FD", "KIND", "EVENTS"]
    assert all(any(text in line for line in last) for text in udp.values())
    assert len(last) == 1 + len(udp)
    told = json.loads(document.stdout)
    assert (told["view"]["lists_read"], told["view"]["lists"]) == (1, 1)
    ((instance,),) = [row["instances"] for row in told["processes"]]
    assert {str(each["fd"]): each["target"] for each in instance["interest"]} == udp


def test_it_is_there_only_if_it_was_asked_for(tmp_path: Path) -> None:
    with running("pipes", tmp_path) as said:
        done = run("--source", "proc", "snapshot", "-d", "0", "-p", str(said["pid"]))
    (process,) = json.loads(done.stdout)["processes"]
    assert all("interest" not in each and each["watches"] for each in process["instances"])


def test_a_recording_keeps_it_for_the_views_of_a_replay(tmp_path: Path) -> None:
    saved = str(tmp_path / "saved")
    with running("inet", tmp_path) as said:
        options = ("--source", "proc", "-p", str(said["pid"]))
        assert run(*options, "record", saved, "-d", "1.5", "--watches").returncode == 0
    done = run("replay", saved, "snapshot", "--view", "watches", "--format", "csv")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert {row["fd"]: [row["kind"], row["target"]] for row in rows} == said["told"]
    assert "were read" not in done.stderr
    found = run("replay", saved, "snapshot", "-F", "watch:inotify or stale>0", "--format", "csv")
    assert found.stdout.count("\n") == 1, "a heading"


def test_a_file_without_it_does_not_pass_for_one_without_watches(tmp_path: Path) -> None:
    saved = str(tmp_path / "saved.json")
    with running("pipes", tmp_path) as said:
        assert run("--source", "proc", "snapshot", "-p", str(said["pid"]), "-o", saved).returncode == 0
    done = run("replay", saved, "-b", "-F", "watch:pipe")
    assert "watches: the lists of 0 of 1 instance were read" in done.stdout


def test_a_file_with_it_is_read_again(tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    with running("inet", tmp_path) as said:
        asked = ("--source", "proc", "snapshot", "-d", "0", "--watches", "-p", str(said["pid"]), "-o", str(saved))
        assert run(*asked).returncode == 0
    (process,) = json.loads(saved.read_text())["processes"]
    lived = {min(each["fds"]): each["interest"] for each in process["instances"]}
    assert lived[said["instance"]]
    assert interest("replay", str(saved), "snapshot") == lived
