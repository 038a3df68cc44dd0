"""What is written without a terminal: tables, or lines of JSON."""

from __future__ import annotations

import json
import re

import pytest

from tests.workloads.client import Actor

from .program import PROC, environment, run, sources, started
from .shapes import check_snapshot


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
