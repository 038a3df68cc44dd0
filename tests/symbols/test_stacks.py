"""Addresses of our own process, as a probe would hand them over, and the names they get."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import re
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from epolltop.model.bounds import FRAME_CHARS_MAX
from epolltop.model.event import Event, Kind
from epolltop.own_process.pace import Deadline
from epolltop.proc import maps as code
from epolltop.sources.bpf import code_names, stack_names
from epolltop.symbols import elf, perf_map, stack_pool
from epolltop.symbols.stack_pool import POOL_BYTES_MAX
from tests.support.kernel_version import needs_cached_paths
from tests.support.records import event_of
from tests.waiting import eventually

from . import forged

LEAD = 7
_libc = ctypes.CDLL(None)


def address_of(function: str) -> int:
    address = ctypes.cast(getattr(_libc, function), ctypes.c_void_p).value
    assert address
    return address


WRAPPER, CALLER, OUTER = (address_of(name) for name in ("epoll_create1", "getaddrinfo", "regcomp"))


def run_of(pid: int) -> code.Run:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return code.Run(pid, int(fields[19]), int(fields[25]))


def ours() -> code.Run:
    return run_of(os.getpid())


def stack(*frames: int, caller: int = 0, lead: int = 0, image: int | None = None) -> bytes:
    """What stands behind an event."""
    begins = ours().image if image is None else image
    return struct.pack(f"=QQI4x{len(frames)}Q", begins, caller, lead, *frames)


def creation(**given: Any) -> Event:
    run = ours()
    return event_of(Kind.CREATE, 1)._replace(**{"pid": run.pid, "start": run.start} | given)


def named(raw: bytes, **given: Any) -> tuple[str, ...]:
    (told,) = stack_names.Stacks().named([creation(**given)], [raw]).stacks
    return told


def functions(text: tuple[str, ...]) -> list[str]:
    # Some libraries have an internal name for the same function.
    return [re.sub(r" \(libc[^()]*\)$", "", frame).lstrip("_") for frame in text]


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names get a share of the time, which others on this machine may take."""
    monkeypatch.setattr(stack_names, "SHARE", 1.0)
    monkeypatch.setattr(stack_names, "POLL_S_MAX", 60.0)


needs_own_stack = pytest.mark.skipif(not ours().image, reason="may not see where our own stack begins")


@needs_own_stack
def test_frames_are_named_in_order() -> None:
    raw = stack(WRAPPER + LEAD, CALLER + 5, OUTER + 9)
    assert functions(named(raw)) == ["epoll_create1+0x7", "getaddrinfo+0x5", "regcomp+0x9"]


@needs_own_stack
def test_the_caller_of_a_wrapper_stands_behind_it() -> None:
    raw = stack(WRAPPER + LEAD, OUTER + 9, caller=CALLER + 5, lead=LEAD)
    assert functions(named(raw)) == ["epoll_create1+0x7", "getaddrinfo+0x5", "regcomp+0x9"]


@needs_own_stack
@pytest.mark.parametrize("lead", [0, 11])
def test_the_top_of_the_stack_is_no_caller_where_no_function_begins(lead: int) -> None:
    raw = stack(WRAPPER + LEAD, OUTER + 9, caller=CALLER + 5, lead=lead)
    assert functions(named(raw)) == ["epoll_create1+0x7", "regcomp+0x9"]


@needs_own_stack
def test_a_caller_that_is_no_code_is_left_out() -> None:
    raw = stack(WRAPPER + LEAD, OUTER + 9, caller=0x1000, lead=LEAD)
    assert functions(named(raw)) == ["epoll_create1+0x7", "regcomp+0x9"]


@needs_own_stack
def test_a_stack_ends_at_what_is_no_code() -> None:
    assert functions(named(stack(WRAPPER + LEAD, id(object()), OUTER + 9))) == ["epoll_create1+0x7"]
    assert named(stack(0, OUTER + 9)) == ()
    assert named(stack()) == ()


@needs_own_stack
def test_of_another_run_only_addresses_are_told() -> None:
    run = ours()
    frames = (WRAPPER + LEAD, id(object()))
    expected = tuple(f"[{address:#x}]" for address in frames)
    for raw, start in ((stack(*frames, image=run.image + 16), run.start), (stack(*frames), run.start + 1)):
        assert named(raw, start=start) == expected
    assert named(stack(*frames), pid=1 << 30) == expected


@needs_own_stack
def test_equal_stacks_are_one_object_over_polls() -> None:
    known = stack_names.Stacks()
    first, release, second = known.named(
        [creation(), event_of(Kind.RELEASE, 2), creation()], [stack(WRAPPER + LEAD), b"", stack(WRAPPER + LEAD)]
    ).stacks
    (third,) = known.named([creation()], [stack(WRAPPER + LEAD)]).stacks
    assert first is second is third
    assert release == ()


@needs_own_stack
def test_more_stacks_than_a_poll_names_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_names, "STACKS_PER_POLL", 2)
    raws = [stack(WRAPPER + LEAD), stack(CALLER + 5), stack(WRAPPER + LEAD), stack(OUTER + 9)]
    known = stack_names.Stacks()
    told = known.named([creation() for _ in raws], raws)
    assert known.left_out == told.left_out == 1
    assert known.named([creation()], raws[:1]).left_out == 0
    assert [functions(one) for one in told.stacks] == [
        ["epoll_create1+0x7"],
        ["getaddrinfo+0x5"],
        ["epoll_create1+0x7"],
        [],
    ]


@needs_own_stack
def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_names, "PLACES_MAX", 10)
    known = stack_names.Stacks()
    for far in range(1, 40):
        (told,) = known.named([creation()], [stack(OUTER + far)]).stacks
        assert functions(told) == [f"regcomp+{far:#x}"]
    assert len(known._names._places) == 10


@needs_own_stack
def test_what_is_remembered_of_programs_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(code_names, "RUNS_MAX", 2)
    monkeypatch.setattr(code_names, "REGIONS_MAX", 1)
    known = stack_names.Stacks()
    content = forged.program(100, [(0, 100)])
    with mapped(content, tmp_path / "mapped") as (_, start):
        known.named([creation()], [stack(WRAPPER + LEAD, start + forged.code_at(content, 100) + 5)])
    ((run, regions),) = known._names._runs.items()
    assert run == ours()
    assert len(regions) == 1
    for _ in range(3):
        with subprocess.Popen(["sleep", "60"]) as process:
            try:
                found = eventually(partial(loaded, process.pid))
                assert found
                run, code_start = found
                known.named([creation(pid=run.pid, start=run.start)], [stack(code_start + 1, image=run.image)])
            finally:
                process.kill()
    assert len(known._names._runs) == 2


def loaded(pid: int) -> tuple[code.Run, int] | None:
    """A process, and where it has the code of the C library; None before that."""
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    starts = [int(line.partition("-")[0], 16) for line in lines if " r-xp " in line and "/libc" in line]
    return (run_of(pid), starts[0]) if starts else None


@needs_own_stack
def test_without_the_privilege_addresses_are_left_and_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refusing(path: Any, *arguments: Any, **named: Any) -> int:
        if "/map_files/" in os.fsdecode(path):
            raise PermissionError(errno.EPERM, "not permitted")
        return real(path, *arguments, **named)

    known = stack_names.Stacks()
    known.named([creation()], [stack(OUTER + 9)])
    assert known.may_read
    monkeypatch.setattr(os, "open", refusing)
    (told,) = known.named([creation()], [stack(WRAPPER + LEAD)]).stacks
    assert re.fullmatch(r"\[libc.*\+0x[0-9a-f]+\]", told[0])
    assert not known.may_read


@contextlib.contextmanager
def mapped(content: bytes, file: Path) -> Iterator[tuple[int, int]]:
    """A file that we have mapped as code: its descriptor and the address of its first byte."""
    file.write_bytes(content)
    descriptor = os.open(file, os.O_RDWR)
    try:
        with mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC):
            (line,) = [each for each in Path("/proc/self/maps").read_text().splitlines() if each.endswith(str(file))]
            yield descriptor, int(line.partition("-")[0], 16)
    finally:
        os.close(descriptor)


@needs_own_stack
def test_a_frame_is_cut_with_a_mark_when_it_is_safe(tmp_path: Path) -> None:
    hostile = "😀".encode() + b"\x01" * 250
    content = forged.program(100, [(0, 100)], hostile)
    at = forged.code_at(content, 100)
    with mapped(content, tmp_path / ("\x02" * 200)) as (_, start):
        (frame,) = named(stack(start + at + 5))
    assert len(frame) == FRAME_CHARS_MAX
    function, rest = frame.split("+")
    assert function == ("😀" + r"\x01" * 100)[: len(function) - 1] + "…"
    assert rest == "0x5 (" + (r"\x02" * 100)[: code_names.MODULE_CHARS_MAX - 1] + "…)"


@needs_own_stack
def test_nobody_waits_for_who_has_a_lease_on_a_file(tmp_path: Path) -> None:
    content = forged.program(100, [(0, 100)])
    at = forged.code_at(content, 100)
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        with mapped(content, tmp_path / "leased") as (descriptor, start):
            raw = stack(start + at + 5)
            assert named(raw) == ("evil+0x5 (leased)",)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            began = time.monotonic()
            assert named(raw) == (f"[leased+{at + 5:#x}]",)
            assert time.monotonic() - began < 5  # the kernel would make us wait for 45
    finally:
        signal.signal(signal.SIGIO, before)


@needs_own_stack
def test_who_brings_few_stacks_is_served_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = code.code_of

    def noting(run: code.Run, *arguments: Any) -> code.Code:
        asked.append(run.pid)
        return real(run, *arguments)

    monkeypatch.setattr(code_names, "code_of", noting)
    ours_pid = ours().pid
    many = [(creation(), stack(WRAPPER + LEAD, OUTER + far)) for far in range(1, 9)]
    few = [(creation(pid=1, start=1), stack(WRAPPER + LEAD))]
    stack_names.Stacks().named(*map(list, zip(*many, *few, strict=True)))
    assert asked == [1, ours_pid]


@needs_own_stack
@pytest.mark.parametrize(("seconds", "is_named"), [(20, True), (40, False)])
def test_a_program_gets_half_of_the_time_that_is_left(
    seconds: int, is_named: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content, symbol_bytes = forged.program(100, [(0, 100)]), 24
    with mapped(content, tmp_path / "mapped") as (_, start):
        monkeypatch.setattr(elf, "S_PER_BYTE", seconds / symbol_bytes)  # of 60 in all
        (frame,) = named(stack(start + forged.code_at(content, 100) + 5))
    assert (frame == "evil+0x5 (mapped)") is is_named


@needs_own_stack
def test_what_is_known_is_named_without_time_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    known = stack_names.Stacks()
    known.named([creation()], [stack(WRAPPER + LEAD)])
    monkeypatch.setattr(elf, "S_PER_BYTE", 1.0)
    (told,) = known.named([creation()], [stack(WRAPPER + LEAD, OUTER + 9)]).stacks
    assert functions(told[:1]) == ["epoll_create1+0x7"]
    assert told[1].startswith("[libc")


@needs_own_stack
@needs_cached_paths
def test_perf_maps_that_are_not_read_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    known, file = stack_names.Stacks(), Path(f"/tmp/perf-{os.getpid()}.map")
    access = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    with mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=access) as made:
        at = ctypes.addressof(ctypes.c_char.from_buffer(made))

        def look() -> tuple[tuple[str, ...], int]:
            (told,) = known.named([creation()], [stack(at + 1)]).stacks
            return told, len(known.unread_maps)

        assert look() == ((f"[{at + 1:#x}]",), 0), "there is none"
        try:
            file.write_text(f"{at:x} 10 made\n", encoding="ascii")
            file.chmod(0o666)
            assert look()[1] == 1, "others may write in it"
            file.chmod(0o600)
            with monkeypatch.context() as patch:
                patch.setattr(perf_map, "PERF_MAP_BYTES_MAX", 1)
                assert look()[1] == 1, "it is too long"
            assert look() == (("made+0x1 (perf map)",), 0)
        finally:
            file.unlink(missing_ok=True)


_GREEDY = """
import resource, sys
from pathlib import Path
from epolltop.sources.bpf import code_names, stack_names
from tests.symbols import forged
from tests.symbols.test_stacks import creation, mapped, stack

stack_names.POLL_S_MAX = 60.0  # with time to name them all
code = 1 << 20
content = forged.program(code, [(0, code)], "😀".encode() + b"\\x01" * 250)
known, kept = stack_names.Stacks(), []
with mapped(content, Path(sys.argv[1])) as (_, start):
    first = start + forged.code_at(content, code)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for poll in range(4):
        addresses = iter(range(first + 1 + poll * 100_000, first + code))
        raws = [stack(*(next(addresses) for _ in range(63))) for _ in range(stack_names.STACKS_PER_POLL)]
        kept += known.named([creation() for _ in raws], raws).stacks
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = [each for each in kept if each]
print((after - before) >> 10, len(told), kept.count(()) == known.left_out)
assert all(len(frame) <= 120 for each in told for frame in each)
"""


@needs_own_stack
def test_whatever_stacks_a_stranger_forges_memory_is_bounded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _GREEDY, str(tmp_path / "greedy")]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    # A frame of 120 characters takes 556 bytes, a stack of 63 some 36 kB; all of them would take 140 MB.
    assert int(said[0]) < 100
    assert 300 < int(said[1]) <= POOL_BYTES_MAX // (63 * 500)
    assert said[2] == "True"


@needs_own_stack
def test_that_time_was_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    known = stack_names.Stacks()
    with monkeypatch.context() as over:
        over.setattr(Deadline, "is_over", True)
        first = known.named([creation()], [stack(WRAPPER + LEAD)])
    second = known.named([creation()], [stack(WRAPPER + LEAD)])
    assert (first.in_time, second.in_time) == (False, True)
    assert first.stacks != second.stacks


@needs_own_stack
def test_that_a_file_was_put_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    known = stack_names.Stacks()
    with monkeypatch.context() as slow:
        slow.setattr(elf, "S_PER_BYTE", 1.0)
        assert not known.named([creation()], [stack(WRAPPER + LEAD)]).in_time
    assert known.named([creation()], [stack(WRAPPER + LEAD)]).in_time


@needs_own_stack
def test_a_stack_without_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    known = stack_names.Stacks()
    raws = [stack(WRAPPER + LEAD, OUTER + far) for far in range(1, 20)]
    monkeypatch.setattr(stack_pool, "POOL_BYTES_MAX", 1000)
    told = known.named([creation() for _ in raws], raws).stacks
    assert 0 < known.left_out < len(raws)
    assert told.count(()) == known.left_out
    # Nobody has them any more: there is room again.
    del told
    (again,) = known.named([creation()], raws[-1:]).stacks
    assert again


def test_a_mapping_is_named_by_its_file() -> None:
    def module(path: bytes) -> bytes:
        return code.CodeMapping(0, 1, 0, (8, 1), 1, path).module

    assert [module(path) for path in (b"/usr/bin/a b", b"/tmp/x (deleted)", b"[vdso]", b"")] == [
        b"a b", b"x", b"[vdso]", b"",
    ]  # fmt: skip
