"""Real programs: what epolltop tells of them is what /proc and kcmp say, whoever was there first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from epolltop.model.event import Kind
from epolltop.model.instance import Provenance
from tests.kernel.observing import Observing, observe
from tests.kernel.reference_census import Table
from tests.waiting import eventually

from .fleet import PROGRAMS, NotInstalled, Program

pytestmark = pytest.mark.programs


@dataclass
class Fleet:
    """Every installed program twice: started before the probes were attached, and after."""

    observing: Observing
    before: dict[str, Program] = field(default_factory=dict)
    after: dict[str, Program] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def pick(self, name: str, when: str) -> Program:
        if name in self.missing:
            pytest.skip(self.missing[name])
        program: Program = getattr(self, when)[name]
        return program


@pytest.fixture(name="fleet", scope="module")
def _fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with contextlib.ExitStack() as stack:
        missing: dict[str, str] = {}

        def start() -> dict[str, Program]:
            started = {}
            for name, begin in PROGRAMS.items():
                try:
                    program = begin(tmp_path_factory.mktemp("program"))
                except NotInstalled as error:
                    missing[name] = str(error)
                else:
                    stack.callback(program.end)
                    started[name] = program
            return started

        before = start()
        fleet = Fleet(stack.enter_context(observe()), before, missing=missing)
        fleet.observing.refresh()
        fleet.after = start()
        yield fleet


def _table(fleet: Fleet, program: Program) -> Table:
    """Once both sides agree."""
    return eventually(lambda: fleet.observing.agrees(program.pids))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_instances_descriptors_and_holders_are_those_of_the_kernel(fleet: Fleet, name: str, when: str) -> None:
    program = fleet.pick(name, when)
    table = _table(fleet, program)
    assert table
    rows = [row for row in fleet.observing.refresh().processes if row.pid in program.pids]
    for row in rows:
        assert row.open == sum(any(pid == row.pid for pid, _ in instance) for instance in table)
        for instance in row.instances:
            held = frozenset((holder.process.pid, fd) for holder in instance.holders for fd in holder.fds)
            assert held in table
            expected = Provenance.TRACED if when == "after" else Provenance.FOUND
            assert instance.provenance is expected


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_was_created_and_not_released_is_what_is_there(fleet: Fleet, name: str) -> None:
    program = fleet.pick(name, "after")
    table = _table(fleet, program)
    rows = [row for row in fleet.observing.refresh().processes if row.pid in program.pids]
    assert sum(row.created - row.released for row in rows) == len(table)
    assert sum(row.failed for row in rows) == 0
    for row in rows:
        assert row.created == len(fleet.observing.events(row.pid, Kind.CREATE))
        assert row.released == len(fleet.observing.events(row.pid, Kind.RELEASE))


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_was_there_before_was_not_counted(fleet: Fleet, name: str) -> None:
    program = fleet.pick(name, "before")
    _table(fleet, program)
    rows = [row for row in fleet.observing.refresh().processes if row.pid in program.pids]
    assert rows
    assert {(row.created, row.released, row.failed, row.ended) for row in rows} == {(0, 0, 0, False)}


def test_shapes_that_are_known(fleet: Fleet) -> None:
    """So that both sides cannot be wrong together."""
    expected = {"redis-server": 1, "memcached": 4, "python asyncio": 1, "python inotify": 1, "nginx": 2}
    for name, instances in expected.items():
        if name not in fleet.missing:
            assert len(_table(fleet, fleet.after[name])) == instances, name


def test_an_ended_program_is_gone(fleet: Fleet) -> None:
    program = fleet.pick("python asyncio", "after")
    pids = program.pids
    program.end()
    rows = [row for row in fleet.observing.refresh().processes if row.pid in pids]
    assert [(row.open, row.ended, row.created - row.released) for row in rows] == [(0, True, 0)]
