"""Programs that spin, seen by the probes; and the same programs without the defect, under the same load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Container, Iterator
from contextlib import ExitStack

import pytest

from epolltop.findings.cases import Cases
from epolltop.findings.evaluation import compared
from epolltop.findings.families.polling import POLLING
from epolltop.findings.families.spins import SPIN
from epolltop.findings.settings import DEFAULTS
from epolltop.model.finding import Finding, Severity
from epolltop.model.snapshot import Snapshot
from tests.waiting import PATIENCE_S, eventually
from tests.workloads.with_defect import defect

from .live import Live, live, of_suspects

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

WINDOWS = 10
"""That are judged, of a second each, after the list of the program was read twice: that comes at a pace of its own."""
SPINS = {rule.id for family in (SPIN, POLLING) for rule in family.rules}
IDS = {
    "spin-stale-watch": "spin-stale-watch",
    "spin-writable": "spin-writable",
    "spin-hangup": "spin-hangup",
    "spin-accept": "spin-accept",
    "spin-shared": "spin-shared",
    "spin-unread": "spin-unread",
    "spin-timer": "spin-timer",
    "spin-timer-zero": "spin-timer",
    "spin-ctl": "spin-ctl",
}
"""By defect."""
WITHOUT_LIST = {"spin-timer", "spin-timer-zero"}
UNCERTAIN = {"spin-writable", "spin-ctl", "spin-timer-zero"}
"""Of a Unix socket the kernel does not count what is taken; who never waits may do so by design."""


@pytest.fixture(name="observing")
def _observing() -> Iterator[Live]:
    """With a budget as users have it, so that hot loops are sampled; lists that no rule suspects take none of it."""
    with live(wanted=of_suspects) as observing:
        if not observing.next_window().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        yield observing


def lists_read(window: Snapshot, pids: Container[int]) -> set[int]:
    """When the lists of the instances of these processes were read."""
    held = (each for row in window.processes if row.pid in pids for each in row.instances)
    return {each.interest.at_ns for each in held if each.interest}


@pytest.mark.parametrize("name", IDS)
def test_a_spin_is_found_with_its_cause(observing: Live, name: str) -> None:
    with defect(name) as told:
        pids = {told["pid"], *told.get("children", ())}
        windows, read = 0, set[int]()

        def found() -> list[Finding]:
            nonlocal windows
            read.update(lists_read(observing.next_window(), pids))
            windows += name in WITHOUT_LIST or len(read) > 1
            spins = observing.found(SPINS, pids)
            if not spins and windows > WINDOWS:
                pytest.fail(f"nothing is found in {windows} windows")
            return spins

        spins = eventually(found, 2 * PATIENCE_S)
    assert {each.id for each in spins} == {IDS[name]}
    (spin, *_) = (each for each in spins if each.about.process.pid == told["pid"] or name == "spin-shared")
    assert spin.severity is (Severity.WARN if name in WITHOUT_LIST else Severity.CRITICAL)
    assert spin.certain is (name not in UNCERTAIN)
    assert float(spin.facts["waits_per_s"]) >= 1000
    if "inode" in told:
        assert spin.about.fd == told["fd"]


def test_their_healthy_twins_do_not_spin(observing: Live) -> None:
    with ExitStack() as stack:
        told = [stack.enter_context(defect(name, healthy=True)) for name in IDS]
        pids = {pid for each in told for pid in (each["pid"], *each.get("children", ()))}
        for _ in range(WINDOWS):
            window = observing.next_window()
            assert observing.found(SPINS, pids) == []
    assert pids <= {row.pid for row in window.processes}


BUSY = {
    "a pipe at full speed": """
import os, select
reading, writing = os.pipe()
if os.fork() == 0:
    while True: os.write(writing, bytes(4096))
loop = select.epoll()
loop.register(reading, select.EPOLLIN)
print(os.getpid(), flush=True)
while loop.poll(): os.read(reading, 64)
""",
    "an upload": """
import os, select, socket
listener = socket.create_server(("127.0.0.1", 0))
there = socket.create_connection(listener.getsockname())
here, _ = listener.accept()
if os.fork() == 0:
    while True: there.sendall(bytes(1 << 20))
loop = select.epoll()
loop.register(here, select.EPOLLIN)
print(os.getpid(), flush=True)
while loop.poll(): here.recv(64)
""",
    "a download": """
import os, select, socket
listener = socket.create_server(("127.0.0.1", 0))
there = socket.create_connection(listener.getsockname())
here, _ = listener.accept()
if os.fork() == 0:
    while True: there.recv(1 << 20)
here.setblocking(False)
loop = select.epoll()
loop.register(here, select.EPOLLOUT)
print(os.getpid(), flush=True)
while loop.poll(): here.send(bytes(64))
""",
}
"""Loops with long runs of the same event, each of which takes something."""


@pytest.mark.parametrize("code", BUSY.values(), ids=BUSY)
def test_a_single_busy_connection_is_no_spin(observing: Live, code: str) -> None:
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            hot = 0

            def was_hot() -> bool:
                nonlocal hot
                window = observing.next_window()
                assert observing.found(SPINS, {process.pid}) == []
                cases = Cases(window)
                loops = [each for each in cases.active_loops if each.process.pid == process.pid]
                hot += any(all(compared(gate, each, DEFAULTS).holds for gate in SPIN.gate) for each in loops)
                return hot >= WINDOWS // 2

            eventually(was_hot)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
