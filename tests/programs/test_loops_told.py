"""Event loops of real servers under load: what is shown of them is what they themselves measure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.kernel.observing import Observing, observe
from tests.waiting import eventually

from . import fleet
from .bracket import Bracket, Reading, bracketed
from .clients import HTTP, LINE, Talk, load
from .fleet import NotInstalled, Program, ask_all, get
from .loops_shown import by_thread
from .stopping import threads

pytestmark = pytest.mark.programs

ROUNDS = 300
MS = 1_000_000

Compare = Callable[..., None]
Start = Callable[[Callable[[Path], Program]], Program]


@pytest.fixture(name="observing", scope="module")
def _observing() -> Iterator[Observing]:
    with observe() as observing:
        if not observing.refresh().source.traces("epoll_wait"):
            pytest.skip("no probe sees waits here")
        yield observing


@pytest.fixture(name="start")
def _start(tmp_path: Path, request: pytest.FixtureRequest) -> Start:
    def start(server: Callable[[Path], Program]) -> Program:
        try:
            program = server(tmp_path)
        except NotInstalled as error:
            pytest.skip(str(error))
        request.addfinalizer(program.end)
        return program

    return start


@pytest.fixture(name="holds")
def _holds(compare: Compare) -> Callable[..., None]:
    """Asserts that what is shown lies in a bracket, and notes it."""

    def holds(server: str, what: str, bracket: Bracket, by: str, slack: float = 0) -> None:
        compare(server, what, f"{bracket.least:,.0f} to {bracket.most:,.0f}", f"{bracket.shown:,.0f}", by)
        assert bracket.holds(slack), (what, bracket)

    return holds


def main_thread(observing: Observing, program: Program) -> Callable[[], Counter[str]]:
    return lambda: by_thread(observing, program.pids)[program.pid]


HAPROXY_COUNTERS = {
    "waits": ("loops",),
    "wakes + interrupted": ("poll_io",),
    "zero_timeouts": ("wake_tasks", "poll_exp"),
}
"""Of epolltop's counters, what HAProxy counts in their place (src/ev_epoll.c, src/haproxy.c)."""


def test_haproxy_counts_its_loops(observing: Observing, start: Start, holds: Callable[..., None]) -> None:
    """`show activity`, by thread. Its threads number themselves in the order in which they were created.

    A thread that is between its wait and the counter, in either direction, is one apart.
    """
    program = start(fleet.haproxy)
    tids = sorted(threads(program.pids))
    load(program.address, HTTP, 10)

    def told() -> Reading:
        activity = {
            line.partition(":")[0]: [int(count) for count in line.partition("[")[2].strip("] ").split()]
            for line in ask_all(program.directory / "stats", b"show activity\n").splitlines()
            if line.endswith("]")
        }
        return {
            f"{name} of thread {number}": sum(activity[counter][number] for counter in counters)
            for number in range(len(tids))
            for name, counters in HAPROXY_COUNTERS.items()
        }

    def shown() -> Reading:
        each = by_thread(observing, program.pids)
        return {
            f"{name} of thread {number}": sum(each[tid][counter] for counter in name.split(" + "))
            for number, tid in enumerate(tids)
            for name in HAPROXY_COUNTERS
        }

    brackets = bracketed(told, shown, lambda: load(program.address, HTTP, ROUNDS))
    for what, bracket in sorted(brackets.items()):
        holds("haproxy", what, bracket, "show activity", slack=1)
    assert brackets["waits of thread 0"].shown > ROUNDS / 4
    assert len(brackets) == 6


def test_redis_counts_its_cycles_and_their_time(observing: Observing, start: Start, holds: Callable[..., None]) -> None:
    """INFO. A cycle begins after a wait and ends before the next one, so its time is within the time away."""
    program = start(fleet.redis)
    version = info(program).get("redis_version")
    if "eventloop_cycles" not in info(program):
        pytest.skip(f"redis-server {version} does not count its cycles (7.2 does)")

    def told() -> Reading:
        now = info(program)
        return {"waits": int(now["eventloop_cycles"]), "away": int(now["eventloop_duration_sum"]) * 1000}

    brackets = bracketed(
        told, main_thread(observing, program), lambda: load(program.address, Talk(b"PING\r\n", b"+PONG\r\n"), ROUNDS)
    )
    by = f"INFO of Redis {version}"
    holds("redis-server", "waits", brackets["waits"], by)
    away = brackets["away"]
    holds("redis-server", "away, ns, at least", away._replace(most=math.inf), by)


def info(program: Program) -> Mapping[str, str]:
    lines = (line.partition(":") for line in ask_all(program.address, b"INFO everything\r\n").splitlines())
    return {name: value for name, _, value in lines}


def test_asyncio_measures_each_call_of_its_selector(
    observing: Observing, start: Start, holds: Callable[..., None]
) -> None:
    program = start(fleet.clocked_loop)

    def told() -> Reading:
        now: dict[str, float] = json.loads(ask_all(program.address, b"told\n"))
        return {**now, "waiting": now["around_waits_ns"], "away": now["between_ns"], "both": now["timed_out_ns"]}

    def shown() -> Reading:
        now = main_thread(observing, program)()
        return {**now, "both": 0, "waiting": now["waiting_ns"], "away": now["away_ns"]}

    def work() -> None:
        load(program.address, LINE, ROUNDS)
        met = told()["timeouts_met"]
        eventually(lambda: told()["timeouts_met"] >= met + 50)

    brackets = bracketed(told, shown, work)
    counters = ("waits", "events", "wakes", "zero_timeouts", "finite_timeouts", "infinite_timeouts", "zero_empty")
    for name in (*counters, "timeouts_met"):
        holds("python asyncio", name, brackets[name], "around selector.select()")
    # Waits lie within the calls, and last as long as they were asked to if nothing came.
    waiting = brackets["waiting"]._replace(least=brackets["both"].least)
    holds("python asyncio", "waiting, ns", waiting, "clock around selector.select()")
    holds("python asyncio", "away, ns, at least", brackets["away"]._replace(most=math.inf), "the same clock")


def test_node_measures_its_event_loop(
    observing: Observing, start: Start, holds: Callable[..., None], compare: Compare
) -> None:
    """Node's own metrics. libuv tries each poll without a timeout first, to know how long the loop was idle."""
    program = start(fleet.node)

    def told() -> Reading:
        now: dict[str, float] = json.loads(get(program.address, "told"))
        return {"zero_timeouts": now["loopCount"], "events": now["events"]} | now

    def shown() -> Reading:
        now = main_thread(observing, program)()
        return {**now, "spun": now["away"] / MS, "idle": now["waiting"] / MS, "active": now["away"] / MS}

    def work() -> None:
        load(program.address, HTTP, ROUNDS)
        for _ in range(10):
            get(program.address, "spin")

    def agree() -> Mapping[str, Bracket]:
        """libuv reads its clock beside the calls. A thread that is preempted in between makes a window differ."""
        brackets = bracketed(told, shown, work)
        least, busy, most = utilization(**brackets)
        assert least - 0.01 <= busy <= most + 0.01
        return brackets

    brackets = eventually(agree, 60)
    least, busy, most = utilization(**brackets)
    compare("node", "busy share", f"{least:.1%} to {most:.1%}", f"{busy:.1%}", "performance.eventLoopUtilization()")
    holds("node", "zero_timeouts", brackets["zero_timeouts"], "uvMetricsInfo.loopCount")
    # libuv counts what a poll returned when all of it is served: a connection, and its request.
    holds("node", "events", brackets["events"], "uvMetricsInfo.events", slack=2)
    holds("node", "away, ms, at least", brackets["spun"]._replace(most=math.inf), "performance.now() around computing")
    (longest,) = {row.did.away.largest for row in observing.refresh().loops if row.key.tid == program.pid}
    last = told()
    compare("node", "longest time away, ms", f"{last['delay_max'] / MS:.0f}", longest // MS, "monitorEventLoopDelay()")
    assert longest >= last["spun"] / last["spins"] * MS  # the longest is not below the mean


def utilization(active: Bracket, idle: Bracket, **_: Bracket) -> Bracket:
    """The share of the time that was active."""
    return Bracket(
        active.least / (active.least + idle.most),
        active.shown / (active.shown + idle.shown),
        active.most / (active.most + idle.least),
    )
