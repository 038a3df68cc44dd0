"""What grows comes first, and says when it is at its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.model.process_row import Growth
from epolltop.model.source import Probe
from epolltop.query.field import lookup
from epolltop.query.filter import parse
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import PROCESSES, View, look
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.rows import process_row, snapshot

SINCE_NS = NOW_NS - 600 * SECOND_NS
BUSY = [
    process_row(
        number, open=60, created=10_000 + number, released=10_000 + number, growth=Growth(0.0, 0.0, 0.0, SINCE_NS)
    )
    for number in range(100, 133)
]
LEAK = process_row(
    7, open=24, fds=600, fd_limit=1000, created=4, released=0, growth=Growth(15.0, 900.0, 0.25, SINCE_NS)
)
SHRINKING = process_row(8, open=5, created=0, released=40, growth=Growth(-40.0, -240.0, -0.7, SINCE_NS))
NEW = process_row(9, open=5, created=5, released=5, growth=None)
WORLD = snapshot(*BUSY, LEAK, SHRINKING, NEW)


def show(name: str, pid: int) -> str:
    (row,) = (row for row in WORLD.processes if row.pid == pid)
    return lookup(PROCESS_FIELDS, name).show(row, WORLD)


@pytest.mark.parametrize("sort", ["net", "growth", "net_per_min", "net/min", "net_per_hour", "fd_limit_in_s"])
def test_a_slow_leak_comes_first_among_busy_processes(sort: str) -> None:
    assert look(WORLD, View(PROCESSES, sort=sort))[0] is LEAK


@pytest.mark.parametrize(
    "text", ["created>freed", "net>0", "growth>10", "net_per_min>=15", "fd_limit_in_s<1h", "net/h>100"]
)
def test_a_filter_finds_it(text: str) -> None:
    matches = parse(text)
    assert [row for row in WORLD.processes if matches(row, WORLD)] == [LEAK]


def test_growth_is_shown_with_its_sign_and_unknown_is_not_zero() -> None:
    assert [show("net/min", pid) for pid in (7, 8, 9, 100)] == ["15.0", "-40.0", "?", "0"]
    assert [show("net", pid) for pid in (7, 8, 9, 100)] == ["4", "-40", "0", "0"]
    assert [show("net/h", pid) for pid in (7, 8)] == ["900", "-240"]
    assert [show("growth_over_s", pid) for pid in (7, 9)] == ["10m00s", "?"]


def test_when_the_limit_is_reached_is_known_of_what_grows_or_is_there() -> None:
    assert [show("full", pid) for pid in (7, 8, 9, 100)] == ["26m40s", "-", "?", "-"]
    assert process_row(fds=7, fd_limit=None, growth=LEAK.growth).fd_limit_in_s is None
    assert process_row(fds=12, fd_limit=10, growth=LEAK.growth).fd_limit_in_s == 0.0
    assert process_row(fds=10, fd_limit=10, growth=None).fd_limit_in_s == 0.0
    assert process_row(fds=9, fd_limit=10, growth=None).fd_limit_in_s is None


def test_what_is_counted_for_one_side_only_has_no_difference() -> None:
    def net(*traces: bool) -> int | None:
        probes = tuple(Probe(name, "", each) for name, each in zip(("epoll_create", "files_free"), traces, strict=True))
        return replace(WORLD, source=replace(WORLD.source, probes=probes)).net_of(LEAK)

    assert net(True, True) == 4
    assert net(False, False) == 4
    assert net(True, False) is None
    assert snapshot(LEAK, window_s=0).net_of(LEAK) is None
    lacking = process_row(7, created=4, released=1, lacking=True)
    assert snapshot(lacking).net_of(lacking) is None
