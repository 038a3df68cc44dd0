"""Healthy servers under load: of them and their clients nothing is found but notes that are known to be right."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from epolltop.findings.families import FAMILIES
from epolltop.model.finding import Finding, Severity
from tests.findings.live import live
from tests.kernel.reference_census import family
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.programs, pytest.mark.kernel, pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(900)]

WARM_UP, WINDOWS = 5, 20
IDS = {rule.id for family in FAMILIES for rule in family.rules}

POLLS = ("haproxy, busy-polling", "busy-polling")
NOTES: Mapping[tuple[str, str], str] = {
    POLLS: "It asks for no time by design; of that the user is told.",
    ("redis-benchmark", "ctl-churn"): "Each request adds a watch for writing and removes it, by design.",
    ("wrk", "ctl-churn"): "With a delay it changes its watch twice for each request.",
    ("node", "ctl-errors"): "libuv deletes a watch that went with its descriptor: ENOENT alone is a note.",
    ("node, cluster", "ctl-errors"): "The same.",
}
"""By server, or by command of a client, and id: why it is right."""
ANY = {"late-wakeup"}
"""Of whomever: it is true of each where the machine is busy."""


class Running(NamedTuple):
    """The mix."""

    process: subprocess.Popen[bytes]
    roots: Mapping[str, int]
    """The first process of each server."""
    missing: Mapping[str, str]

    def names(self) -> dict[int, str]:
        """Of all its processes now the server, or the command of a client."""
        names = {}
        for pid in family(self.process.pid) - {self.process.pid}:
            with suppress(OSError):
                names[pid] = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
        for name, root in self.roots.items():
            names |= dict.fromkeys(family(root), name)
        return names


@pytest.fixture(name="mix", scope="module")
def _mix() -> Iterator[Running]:
    command = [sys.executable, "-m", "tests.programs.healthy"]
    pipe = subprocess.PIPE
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], 2 * PATIENCE_S)[0], "the servers do not start"
            told: dict[str, Any] = json.loads(process.stdout.readline())
            yield Running(process, {name: pids[0] for name, pids in told["running"].items()}, told["missing"])
        finally:
            try:
                process.communicate(timeout=PATIENCE_S)  # its stdin ends
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def test_only_known_notes_are_found(mix: Running, compare: Callable[..., None]) -> None:
    found: dict[tuple[str, str], Finding] = {}
    names: dict[int, str] = {}
    with live() as observing:
        for window in range(WARM_UP + WINDOWS):
            observing.next_window()
            names |= mix.names()
            if window >= WARM_UP:
                for each in observing.found(IDS, names.keys()):
                    found[names[each.about.process.pid], each.id] = each
    assert mix.process.poll() is None, "a load failed"
    for (name, id), each in found.items():
        compare(name, id, NOTES.get((name, id), "none" if id not in ANY else "may be"), each.facts, "the rules")
    graver = {which: each for which, each in found.items() if each.severity > Severity.INFO}
    assert not graver
    assert not {which: each for which, each in found.items() if which not in NOTES and which[1] not in ANY}
    assert POLLS in found or POLLS[0] in mix.missing
