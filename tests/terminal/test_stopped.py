"""The real program, stopped for ten seconds in the middle of a storm: nobody empties its buffers meanwhile.

Two seconds after the storm the table is right on a machine that has nothing else to do; here it has, so what is counted
is refreshes, and the time is told.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from epolltop.text.numbers import grouped
from tests.cli.program import started
from tests.kernel.reference_census import reference_census
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.client import Actor

from .tmux import Terminal

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.kernel,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]

STOPPED_S = 10.0


class Batches:
    """What batch output wrote into a file, a document a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[dict[str, Any]]:
        lines = self._path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def since(self, at_ns: int) -> list[dict[str, Any]]:
        return [each for each in self.all() if each["clocks"]["boottime_ns"] > at_ns]

    def last(self) -> dict[str, Any]:
        documents = self.all()
        assert documents
        return documents[-1]


def _grandchild(pid: int) -> int:
    """The program behind a shell that would not let it stay stopped, and does not look."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(eventually(lambda: children.read_text().split())[0])


def _table(document: dict[str, Any]) -> dict[int, set[int]]:
    return {row["pid"]: {fd for one in row["instances"] for fd in one["fds"]} for row in document["processes"]}


def _rates_are_of(documents: list[dict[str, Any]], paused: int) -> None:
    """The first document after the pause is about all of it; the one before it may have been on its way."""
    long = [at for at, document in enumerate(documents) if document["window_s"] > STOPPED_S]
    assert long in ([paused], [paused + 1])
    earlier, now = documents[long[0] - 1], documents[long[0]]
    made = now["totals"]["created"] - earlier["totals"]["created"]
    assert made > 0
    assert now["totals"]["create_per_s"] == pytest.approx(made / now["window_s"], abs=0.01)
    assert documents[-1]["source"]["lost"] > earlier["source"]["lost"]


def _traced(document: dict[str, Any]) -> int:
    """Instances whose creation is known, by their holder or by nobody known."""
    return sum(
        one["provenance"] == "traced" and one["creator"] in (row["pid"], None)
        for row in document["processes"]
        for one in row["instances"]
    )


@contextmanager
def _stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(STOPPED_S / 2)
    try:
        yield
    finally:
        time.sleep(STOPPED_S / 2)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.alone
def test_stopped_in_a_storm(terminal: Terminal, tmp_path: Path) -> None:
    end, path = tmp_path / "end", tmp_path / "batch.jsonl"
    batches = Batches(path)
    with ExitStack() as stack:
        storming = [stack.enter_context(Actor()) for _ in range(2)]
        changing = stack.enter_context(Actor())
        pids = [actor.pid for actor in (*storming, changing)]
        old = {actor.pid: actor.do("hold", count=20)["fds"] for actor in (*storming, changing)}
        selected = [part for pid in pids for part in ("-p", str(pid))]
        output = stack.enter_context(path.open("w"))
        batch = stack.enter_context(started("-b", "--json", "-d", "0.5", *selected, stdout=output))
        terminal.command(f"sh -c 'epolltop {' '.join(selected)}; exit $?'")
        screen = _grandchild(terminal.child())
        terminal.sees("60 instances in 3 processes", "created 0 ")
        eventually(batches.last, PATIENCE_S)
        for actor in storming:
            # Some 10,000 a second: enough for any buffer in ten seconds, and CPU is left for who looks.
            actor.begin("churn_until_told", path=str(end), pause_s=0.1)
        eventually(lambda: batches.last()["totals"]["created"] > 10_000, PATIENCE_S)
        terminal.until(lambda text: re.search(r"created \d+,\d+", text))

        with _stopped(batch.pid, screen):
            before = len(batches.all())
            # Told to nobody: the buffers are full.
            changing.do("close", fds=old[changing.pid][:10])
            fresh = changing.do("hold", count=30)["fds"]
        eventually(lambda: len(batches.all()) > before, PATIENCE_S)
        end.touch()
        created = {actor.pid: actor.answer()["count"] for actor in storming} | {changing.pid: 30}
        began, ended_ns = time.monotonic(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)

        def batch_is_right() -> bool:
            # The second after the end is the first that began to look after it.
            now = batches.since(ended_ns)[1]
            assert {row["pid"]: row["created"] for row in now["processes"]} == created
            assert now["totals"]["created"] == sum(created.values())
            held = {pid: {fd for one in reference_census([pid]) for _, fd in one} for pid in pids}
            assert held[changing.pid] == {*old[changing.pid][10:], *fresh}
            assert _table(now) == held
            return not now["totals"]["in_flight"]

        def screen_is_right() -> str:
            text = terminal.text
            assert f"created {grouped(sum(created.values()))} " in text, text
            assert "80 instances in 3 processes" in text, text
            assert re.search(r"lost [1-9]", text), text
            return text

        eventually(lambda: len(batches.since(ended_ns)) > 1, PATIENCE_S)
        assert batch_is_right()
        of_batch = time.monotonic() - began
        print(eventually(screen_is_right, PATIENCE_S))  # noqa: T201
        print(f"batch right after {of_batch:.2f} s, screen after {time.monotonic() - began:.2f} s")  # noqa: T201
        _rates_are_of(batches.all(), before)
        assert _traced(batches.last()) == len(fresh)
        terminal.press("2")
        terminal.sees("WATCHES", "HOLDERS")
        terminal.press("q")
        assert terminal.status() == 0
