"""Runtimes of event loops: real programs are recognised, and one under a false name is not taken for what it is not."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epolltop.model.loop_of import loops_of
from epolltop.model.runtime_of import runtime_of_loop, runtime_of_process
from epolltop.model.runtimes import Runtime
from epolltop.model.snapshot import Snapshot
from tests.kernel.observing import Observing, observe, observe_by_proc
from tests.waiting import eventually

from . import fleet
from .fleet import NotInstalled, Program

pytestmark = pytest.mark.programs

POLLS = "import select, time\nwith select.epoll() as instance:\n    while True:\n        instance.poll(0.05)\n"


def _poller(directory: Path, python: str) -> Program:
    return Program([python, "-I", "-c", POLLS], directory, lambda: True)


def _false_nginx(directory: Path) -> Program:
    """Python with nothing but another name: in its process, and for its file."""
    copy = directory / "nginx"
    shutil.copy(Path(sys.executable).resolve(), copy)
    return _poller(directory, str(copy))


EXPECTED: dict[str, tuple[Callable[[Path], Program], Runtime]] = {
    "nginx": (fleet.nginx, Runtime("nginx", True)),
    "redis-server": (fleet.redis, Runtime("redis", True)),
    "memcached": (fleet.memcached, Runtime("libevent", True)),
    "haproxy": (fleet.haproxy, Runtime("haproxy", True)),
    "node": (fleet.node, Runtime("node", True)),
    "python asyncio": (fleet.asyncio_service, Runtime("asyncio", True)),
    "caddy (Go)": (fleet.caddy, Runtime("go", True)),
    "java.nio": (fleet.java_nio, Runtime("java-nio", True)),
    "python select.epoll": (lambda directory: _poller(directory, sys.executable), Runtime("select.epoll", True)),
    "python under the name of nginx": (_false_nginx, Runtime("nginx", False)),
}


class Fleet:
    """The programs that could be started."""

    def __init__(self, observing: Observing) -> None:
        self.observing = observing
        self.programs: dict[str, Program] = {}
        self.missing: dict[str, str] = {}

    def runtimes(self, name: str) -> set[Runtime | None]:
        """Of the processes of a program that hold an instance."""
        if name in self.missing:
            pytest.skip(self.missing[name])
        snapshot = self.observing.refresh()
        pids = self.programs[name].pids
        return {runtime_of_process(row, snapshot) for row in snapshot.processes if row.pid in pids and row.open}


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with contextlib.ExitStack() as stack:
        fleet = Fleet(stack.enter_context(observe()))
        for name, (start, _) in EXPECTED.items():
            try:
                fleet.programs[name] = start(tmp_path_factory.mktemp("program"))
            except NotInstalled as error:
                fleet.missing[name] = str(error)
            else:
                stack.callback(fleet.programs[name].end)
        if not fleet.observing.refresh().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        yield fleet


@pytest.mark.parametrize("name", EXPECTED)
def test_it_is_recognised(running: Fleet, name: str, compare: Callable[..., None]) -> None:
    expected = EXPECTED[name][1]
    eventually(lambda: expected in running.runtimes(name))
    compare(name, "runtime", tuple(expected), tuple(expected), "what it is known to be")


def test_a_loop_has_its_own_runtime(running: Fleet) -> None:
    if "node" in running.missing:
        pytest.skip(running.missing["node"])
    pids = running.programs["node"].pids
    snapshot = running.observing.until(lambda snapshot: any(row.loops for row in snapshot.processes if row.pid in pids))
    loops = [loop for row in snapshot.processes if row.pid in pids for loop in loops_of(row)]
    assert {runtime_of_loop(loop, snapshot) for loop in loops} == {Runtime("node", True)}


def test_uvloop_is_recognised_on_whatever_libuv(tmp_path: Path, running: Fleet) -> None:
    """Before 1.45 that waits as tokio does, so it is no more than a guess."""
    try:
        program = fleet.uvloop_service(tmp_path)
    except NotInstalled as error:
        pytest.skip(str(error))
    try:
        running.programs["python uvloop"] = program
        names = {runtime and runtime.name for runtime in eventually(lambda: running.runtimes("python uvloop")) or ()}
    finally:
        program.end()
    assert names == {"uvloop"}


def test_proc_alone_tells_it_of_a_thread_that_waits(running: Fleet) -> None:
    pids = running.programs["python asyncio"].pids

    def is_recognised(snapshot: Snapshot) -> bool:
        rows = [row for row in snapshot.processes if row.pid in pids]
        return [runtime_of_process(row, snapshot) for row in rows] == [Runtime("asyncio", True)]

    with observe_by_proc() as observing:
        observing.until(is_recognised)
