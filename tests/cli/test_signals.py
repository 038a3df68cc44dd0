"""A signal ends each front end cleanly, with its exit code and with what was seen."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .observation import row_of
from .program import PROC, sources, started
from .shapes import check_snapshot


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
