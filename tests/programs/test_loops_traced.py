"""Waits of real servers under load: each thread's are those that another tracer counts in the same time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.kernel.observing import observe

from . import fleet
from .clients import HTTP, HTTP_CLOSE, LINE, Talk, load
from .fleet import NotInstalled, Program
from .loops_shown import by_thread
from .returns import Returned, tracer
from .stopping import stopped, threads

pytestmark = pytest.mark.programs

ROUNDS = 150

SERVERS: Mapping[str, tuple[Callable[[Path], Program], Talk]] = {
    "nginx": (fleet.nginx, HTTP),
    "nginx without keep-alive": (fleet.nginx, HTTP_CLOSE),
    "redis-server": (fleet.redis, Talk(b"PING\r\n", b"+PONG\r\n")),
    "memcached": (fleet.memcached, Talk(b"version\r\n", b"\r\n")),
    "haproxy": (fleet.haproxy, HTTP),
    "node": (fleet.node, HTTP),
    "python asyncio": (fleet.clocked_loop, LINE),
    "python uvloop": (fleet.uvloop_service, LINE),
    "caddy (Go)": (fleet.caddy, HTTP),
    "java.nio": (fleet.java_nio, LINE),
    "haproxy busy-polling": (lambda directory: fleet.haproxy(directory, tune="busy-polling"), HTTP),
}


@dataclass
class Both:
    """By server and thread what its waits returned: as shown, and as another tracer counts it."""

    shown: dict[str, dict[int, Returned]] = field(default_factory=dict)
    traced: dict[str, dict[int, Returned]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


@pytest.fixture(name="both", scope="module")
def _both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """All servers stand still while one tracer begins or ends after the other, so that both count the same waits."""
    both, programs = Both(), dict[str, Program]()
    with contextlib.ExitStack() as stack:
        for name, (start, _) in SERVERS.items():
            try:
                programs[name] = start(tmp_path_factory.mktemp("program"))
            except NotInstalled as error:
                both.missing[name] = str(error)
            else:
                stack.callback(programs[name].end)
        observing = stack.enter_context(observe())
        if not observing.refresh().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        pids = {pid for program in programs.values() for pid in program.pids}
        with stopped(pids):
            before = by_thread(observing, pids)
            other = stack.enter_context(tracer(pids, tmp_path_factory.mktemp("bpftrace")))
        for name, program in programs.items():
            load(program.address, SERVERS[name][1], ROUNDS)
        with stopped(pids):
            after = by_thread(observing, pids)
            traced = other.end()
            for name, program in programs.items():
                tids = threads(program.pids)
                rises = {tid: after[tid] - before[tid] for tid in tids & after.keys()}
                both.shown[name] = {
                    tid: Returned(rise["waits"], rise["events"]) for tid, rise in rises.items() if rise["waits"]
                }
                both.traced[name] = {tid: traced[tid] for tid in tids & traced.keys()}
        yield both


@pytest.mark.parametrize("name", SERVERS)
def test_waits_and_events_of_each_thread_are_those_of_another_tracer(
    both: Both, name: str, compare: Callable[..., None]
) -> None:
    if name in both.missing:
        pytest.skip(both.missing[name])
    for tid, traced in both.traced[name].items():
        compare(
            name, f"waits and events of thread {tid}", tuple(traced), tuple(both.shown[name].get(tid, ())), "bpftrace"
        )
    assert both.shown[name] == both.traced[name]
    assert sum(thread.events for thread in both.shown[name].values()) >= ROUNDS
