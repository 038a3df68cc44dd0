"""A 32-bit program: counted with the others, or said not to be."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from epolltop.model.event import Kind, Syscall
from epolltop.query.field import lookup
from epolltop.query.headline import notes, totals_line
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.sources.bpf.ladder import ALL
from tests.waiting import eventually
from tests.workloads.client import Actor

from .observing import Observing, observe

pytestmark = pytest.mark.kernel

TRACEPOINT = ALL.only("epoll_create", "tracepoint")
PROGRAM = Path(__file__).parent.parent / "workloads" / "compat.c"
_ARM = platform.machine() == "aarch64"
_COMPILER = ("arm-linux-gnueabihf-gcc", "-marm") if _ARM else ("gcc", "-m32", "-fcf-protection=none")
_FREESTANDING = ("-O1", "-nostdlib", "-static", "-fno-pie", "-no-pie", "-fno-stack-protector")


@pytest.fixture(name="program", scope="module")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("built") / "compat"
    if not shutil.which(_COMPILER[0]):
        pytest.skip(f"no {_COMPILER[0]}")
    subprocess.run([*_COMPILER, *_FREESTANDING, "-o", program, PROGRAM], check=True)
    try:
        with _running(program):
            return program
    except (OSError, AssertionError):
        pytest.skip("this kernel runs no 32-bit programs")


@contextmanager
def _running(program: Path) -> Iterator[int]:
    """It has created three instances, closed one, failed once, and holds the others; its pid."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"made\n"
            yield process.pid
        finally:
            process.kill()


def _shown(observing: Observing, pid: int) -> dict[str, str]:
    snapshot = observing.refresh()
    (row,) = (row for row in snapshot.processes if row.pid == pid)
    names = ("open", "created", "failed", "released", "create_per_s")
    return {name: lookup(PROCESS_FIELDS, name).show(row, snapshot) for name in names}


def test_where_tracepoints_leave_it_out_its_counts_are_unknown_and_that_is_said(program: Path) -> None:
    with observe(TRACEPOINT) as observing, Actor() as actor:
        actor.create()
        assert not any("32-bit process" in note for note in notes(observing.refresh()))
        with _running(program) as pid:
            shown = _shown(observing, pid)
            assert (shown["open"], shown["created"], shown["failed"], shown["create_per_s"]) == ("2", "?", "?", "?")
            assert shown["released"] in ("≥1", "?")  # its release is seen, its creation was not
            snapshot = observing.refresh()
            assert any(note.startswith("creations by 1 32-bit process are not counted") for note in notes(snapshot))
            assert "created ≥" in totals_line(snapshot)
            assert not snapshot.exact
            assert _shown(observing, actor.pid)["created"] == "1"


def test_with_compat_it_is_counted_like_others(program: Path) -> None:
    with observe(TRACEPOINT, compat=True) as observing, _running(program) as pid:
        assert _shown(observing, pid) | {"create_per_s": ""} == {
            "open": "2", "created": "3", "failed": "1", "released": "1", "create_per_s": "",
        }  # fmt: skip
        created = eventually(lambda: observing.events(pid, Kind.CREATE, Kind.CREATE_FAILED))
        assert [(event.syscall, event.argument) for event in created or ()] == [
            (Syscall.EPOLL_CREATE, 77),
            (Syscall.EPOLL_CREATE1, 0o2000000),
            (Syscall.EPOLL_CREATE1, 0),
            (Syscall.EPOLL_CREATE1, 4),
        ]
        snapshot = observing.refresh()
        assert not any("32-bit process" in note for note in notes(snapshot))
        assert snapshot.exact == snapshot.source.exact
