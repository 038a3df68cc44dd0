"""What the probes meet when they are attached, and what they leave when they are detached."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from epolltop.model.event import Kind, Syscall
from epolltop.model.instance import Provenance
from epolltop.sources.bpf.bpf_source import BpfSource
from epolltop.sources.bpf.probes.epoll_create import COUNTS
from tests.waiting import eventually
from tests.workloads.client import Actor

from .calls import BPF
from .observing import observe

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

EPOLLTOP = Path(sys.executable).with_name("epolltop")

_PROG_GET_FD_BY_ID = 13
_libc = ctypes.CDLL(None, use_errno=True)


def test_what_existed_before_is_found_and_what_comes_after_is_traced(actor: Actor) -> None:
    actor.do("pairs", count=3)
    old = actor.create()
    actor.do("dup", fd=old)
    with observe() as observing:
        table = observing.agrees([actor.pid])
        assert len(table) == 1
        row = observing.row(actor.pid)
        assert (row.created, row.released, row.open) == (0, 0, 1)
        assert observing.events(actor.pid) == [], "what was there at the start is no event"

        new = actor.create()
        instances = observing.instances(actor.pid)
        found, traced = instances[old], instances[new]
        assert (found.provenance, traced.provenance) == (Provenance.FOUND, Provenance.TRACED)
        assert (found.created_ns, found.creator, found.syscall, found.argument) == (None, None, Syscall.UNKNOWN, None)
        assert observing.instances(actor.pid)[old].id == found.id

        actor.do("close_range", first=old, last=new)
        row = observing.row(actor.pid)
        assert (row.created, row.released, row.open) == (1, 2, 0)
        releases = observing.events(actor.pid, Kind.RELEASE)
        assert {event.instance: event.lifetime_ns is None for event in releases} == {found.id: True, traced.id: False}


def test_nothing_is_counted_by_one_probe_before_the_other_is_attached(tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    with Actor() as actor:
        actor.begin("churn_until_told", path=str(stop))
        with observe() as observing:
            stop.touch()
            assert actor.answer()["count"] > 0
            row = observing.row(actor.pid)
    assert row.created > 0
    # Counting begins at one instant, at which at most one instance was alive.
    assert row.released - row.created in (0, 1)


def test_detaching_leaves_nothing_in_our_own_process() -> None:
    before, others = _descriptors("self"), _programs("self")
    source = BpfSource()
    source.open()
    programs = _programs("self") - others
    assert len(programs) >= 3, "two probes and the census"
    assert all(map(_loaded, programs))
    source.poll()
    source.close()
    source.close()
    after = _descriptors("self")
    assert {fd: what for fd, what in after.items() if fd not in before} == {}
    eventually(lambda: not any(map(_loaded, programs)))


def test_probes_are_detached_though_the_buffer_is_still_being_read(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = BpfSource()
    source.open()
    program, drain = source._program, source._drain
    assert program is not None
    counts = program.table(COUNTS.map, COUNTS.key.layout, COUNTS.value.layout)
    actor.do("pairs", count=3)
    before = dict(counts.items())
    assert sum(created for created, *_ in before.values()) >= 3
    with monkeypatch.context() as patch:
        patch.setattr(drain, "stop", lambda: False)
        source.close()
    try:
        settled = dict(counts.items())
        actor.do("pairs", count=3)
        assert dict(counts.items()) == settled, "a probe still counts"
    finally:
        assert drain.stop()
        source._buffer.close()
        program.close()


@pytest.fixture(name="epolltop")
def _epolltop() -> Iterator[subprocess.Popen[bytes]]:
    command = [str(EPOLLTOP), "--source", "bpf", "-b", "-d", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "epolltop ended at once"
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_no_program_outlives_epolltop(epolltop: subprocess.Popen[bytes], how: str) -> None:
    programs = _programs(str(epolltop.pid))
    assert len(programs) >= 3, "two probes and the census"
    assert all(map(_loaded, programs))
    getattr(epolltop, how)()
    epolltop.wait()
    eventually(lambda: not any(map(_loaded, programs)), 10)


def _descriptors(pid: str) -> dict[int, str]:
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


def _programs(pid: str) -> set[int]:
    """Ids of the BPF programs that a process has descriptors of; never used again until they wrap around."""
    numbers = set()
    for fd, what in _descriptors(pid).items():
        if "bpf" in what or "perf" in what:
            info = Path(f"/proc/{pid}/fdinfo/{fd}").read_text(encoding="ascii")
            numbers |= {int(line.split()[1]) for line in info.splitlines() if line.startswith("prog_id:")}
    return numbers


def _loaded(program: int) -> bool:
    """Whether the kernel still has a BPF program, by asking it for a descriptor."""
    attribute = (ctypes.c_uint32 * 32)(program)
    fd = _libc.syscall(BPF, _PROG_GET_FD_BY_ID, ctypes.byref(attribute), ctypes.c_uint(ctypes.sizeof(attribute)))
    if fd < 0:
        assert ctypes.get_errno() == errno.ENOENT, os.strerror(ctypes.get_errno())
        return False
    os.close(fd)
    return True
