"""What every BCC must show, on the best hooks that it gets here. Run inside a tree, by its own Python and BCC."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.bcc.loader import load_bcc
from epolltop.bcc.program import AttachError, Program
from epolltop.model.event import Kind
from epolltop.model.source import Source
from epolltop.sources.bpf.bpf_source import BpfSource
from epolltop.sources.bpf.ladder import ALL
from tests.kernel.observing import Observing, observe
from tests.waiting import eventually
from tests.workloads.client import Actor

pytestmark = pytest.mark.kernel

PAIRS, HELD = 3000, 20


@pytest.fixture(name="early", scope="module")
def _early() -> Iterator[Actor]:
    """Creates before anyone looks."""
    with Actor() as actor:
        actor.do("hold", count=HELD)
        yield actor


@pytest.fixture(name="observing", scope="module")
def _observing(early: Actor) -> Iterator[Observing]:
    with observe() as observing:
        observing.refresh()
        yield observing


@pytest.fixture(name="fresh", scope="module")
def _fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(name="actor")
def _actor() -> Iterator[Actor]:
    with Actor() as actor:
        yield actor


def test_the_source_is_bpf(observing: Observing, record_testsuite_property: pytest.FixtureRequest) -> None:
    source = observing.batch.source
    record_testsuite_property("rung", rung(source))  # type: ignore[operator]
    assert source.kind == "bpf"
    assert all(probe.attached_to for probe in source.probes)


def test_the_census_is_the_kernels_iterator(observing: Observing, early: Actor) -> None:
    assert observing.batch.source.census_by == "iterator:task_file"
    row = observing.row(early.pid)
    assert (row.open, row.created) == (HELD, 0)
    observing.agrees([early.pid])


def test_counts_are_exact(observing: Observing, actor: Actor) -> None:
    actor.do("pairs", count=PAIRS)
    actor.do("hold", count=HELD)
    assert actor.do("create1", flags=77)["errno"]
    assert actor.do("create_legacy", size=7)["fd"] is not None
    row = observing.row(actor.pid)
    assert (row.open, row.created, row.failed) == (HELD + 1, PAIRS + HELD + 1, 1)
    observing.released_all({actor.pid: PAIRS})


def test_every_event_arrives(observing: Observing, actor: Actor) -> None:
    actor.do("pairs", count=PAIRS)

    def told() -> bool:
        elsewhere = observing.charged_elsewhere(actor.pid)
        created, released = (len(observing.events(actor.pid, kind)) for kind in (Kind.CREATE, Kind.RELEASE))
        return created == PAIRS and 0 <= PAIRS - released <= elsewhere

    assert eventually(told)


def test_argument_and_error_are_those_of_the_call(observing: Observing, actor: Actor) -> None:
    fd = actor.do("create_legacy", size=1234)["fd"]
    failed = actor.do("create1", flags=77)
    observing.refresh()
    created, refused = observing.events(actor.pid, Kind.CREATE, Kind.CREATE_FAILED)
    assert (created.fd, created.argument) == (fd, 1234)
    assert (refused.errno, refused.argument) == (failed["errno"], 77)


def test_a_lifetime_lies_within_its_bounds(observing: Observing, actor: Actor) -> None:
    lived = actor.do("brief", seconds=0.05)
    observing.refresh()
    (created,) = observing.events(actor.pid, Kind.CREATE)
    (released,) = observing.events(actor.pid, Kind.RELEASE)
    assert lived["create"][0] <= created.time_ns <= lived["create"][1]
    assert lived["close"][0] <= released.time_ns <= lived["close"][1]
    assert released.created_ns == created.time_ns


def test_holders_are_those_of_the_kernel(observing: Observing, actor: Actor) -> None:
    shared = actor.create()
    actor.do("dup", fd=shared)
    child = actor.do("fork")["pid"]
    actor.create()
    table = observing.agrees([actor.pid, child])
    assert sorted(map(len, table)) == [1, 4]
    assert {pid for pid, _ in max(table, key=len)} == {actor.pid, child}
    actor.do("reap", pid=child)
    assert sorted(map(len, observing.agrees([actor.pid, child]))) == [1, 2]


def test_a_stack_begins_with_who_made_the_call(actor: Actor) -> None:
    with observe(stacks=True) as taking:
        actor.create()
        taking.refresh()
        (event,) = taking.events(actor.pid, Kind.CREATE)
        assert event.stack
        assert re.fullmatch(r"epoll_create1\+0x[0-9a-f]+ \(libc\.so\.6\)", event.stack[0])


def test_standard_descriptors_stay_what_they_were() -> None:
    before = [os.fstat(fd) for fd in range(3)]
    with observe() as observing:
        observing.refresh()
    assert [(now.st_dev, now.st_ino) for now in map(os.fstat, range(3))] == [(was.st_dev, was.st_ino) for was in before]


def test_the_function_probes_are_there_to_be_tried() -> None:
    program = Program(load_bcc(), BpfSource()._defines(), ALL.units)
    try:
        for hook in (ALL.probes["epoll_create"]["fexit"][0], ALL.probes["files_free"]["fentry"][0]):
            with contextlib.suppress(AttachError):
                program.attach(hook.how, "", hook.target)
            name = program._tracing(hook.how, hook.target)
            assert load_bcc().lib.bpf_function_start(program._object.module, name)
    finally:
        program.close()


def test_the_doctor_finds_this_bcc_and_says_nothing_else(fresh: Path) -> None:
    said = _epolltop(fresh, "doctor")
    assert f"BCC         {load_bcc().__version__} from /usr/lib/python3/dist-packages/bcc" in said
    assert "source: bpf, counts are exact" in said


def test_a_snapshot_tells_the_workload_and_nothing_is_said_besides(fresh: Path, actor: Actor) -> None:
    fds = actor.do("hold", count=HELD)["fds"]
    snapshot = json.loads(_epolltop(fresh, "snapshot", "-d", "1", "-p", str(actor.pid)))
    assert snapshot["source"]["kind"] == "bpf"
    (process,) = snapshot["processes"]
    assert process["open"] == HELD
    assert sorted(fd for instance in process["instances"] for fd in instance["fds"]) == fds


def rung(source: Source) -> str:
    """The hooks by one name."""
    released = next(probe for probe in source.probes if probe.name == "files_free")
    names = {"fentry": "fentry", "kprobe": "kprobe", "raw_tracepoint": "slab"}
    name = names.get(released.attached_to.partition(":")[0], "derived")
    return name if source.census_by.startswith("iterator") else f"scan-{name}"


def _epolltop(fresh: Path, *arguments: str) -> str:
    """What it prints.

    Args:
        fresh: for compiled modules, since Python warns about what it compiles, and only then.
        arguments: of the program.
    """
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(fresh)}
    command = [sys.executable, "-m", "epolltop", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
