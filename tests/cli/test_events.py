"""Events from end to end, on the real kernel."""

from __future__ import annotations

import json
import select
import signal
import subprocess

import pytest

from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .program import started
from .shapes import EVENT, check


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
