"""Addresses of our own process, as a probe would hand them over, and the names they get."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from epolltop.model.batch import Event, Kind
from epolltop.sources.bpf import code, stacks
from tests.model.facts import event

LEAD = 7
_libc = ctypes.CDLL(None)


def address_of(function: str) -> int:
    address = ctypes.cast(getattr(_libc, function), ctypes.c_void_p).value
    assert address
    return address


WRAPPER, CALLER, OUTER = (address_of(name) for name in ("epoll_create1", "getaddrinfo", "regcomp"))


def ours() -> code.Run:
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return code.Run(os.getpid(), int(fields[19]), int(fields[25]))


def stack(*frames: int, caller: int = 0, lead: int = 0, image: int | None = None) -> bytes:
    """What stands behind an event."""
    begins = ours().image if image is None else image
    return struct.pack(f"=QQI4x{len(frames)}Q", begins, caller, lead, *frames)


def creation(**given: Any) -> Event:
    run = ours()
    return event(Kind.CREATE, 1)._replace(**{"pid": run.pid, "start": run.start} | given)


def named(raw: bytes, **given: Any) -> tuple[str, ...]:
    (told,) = stacks.Stacks().give([creation(**given)], [raw])
    return told.stack


def functions(text: tuple[str, ...]) -> list[str]:
    # Some libraries have an internal name for the same function.
    return [re.sub(r" \(libc[^()]*\)$", "", frame).lstrip("_") for frame in text]


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
    known = stacks.Stacks()
    first, release, second = known.give(
        [creation(), event(Kind.RELEASE, 2), creation(fd=9)], [stack(WRAPPER + LEAD), b"", stack(WRAPPER + LEAD)]
    )
    (third,) = known.give([creation()], [stack(WRAPPER + LEAD)])
    assert first.stack is second.stack is third.stack
    assert release.stack == ()
    assert (first.fd, second.fd) == (None, 9)


@needs_own_stack
def test_more_stacks_than_a_poll_names_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "STACKS_PER_POLL", 2)
    raws = [stack(WRAPPER + LEAD), stack(CALLER + 5), stack(WRAPPER + LEAD), stack(OUTER + 9)]
    told = stacks.Stacks().give([creation() for _ in raws], raws)
    assert [functions(one.stack) for one in told] == [
        ["epoll_create1+0x7"],
        ["getaddrinfo+0x5"],
        ["epoll_create1+0x7"],
        [],
    ]


@needs_own_stack
def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "PLACES_MAX", 10)
    monkeypatch.setattr(stacks, "STACKS_MAX", 5)
    known = stacks.Stacks()
    for far in range(1, 40):
        (told,) = known.give([creation()], [stack(OUTER + far)])
        assert functions(told.stack) == [f"regcomp+{far:#x}"]
    assert (len(known._places), len(known._known)) == (10, 5)


@pytest.fixture(name="no_map_files")
def _no_map_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As without CAP_SYS_ADMIN; the paths that were opened besides."""
    opened: list[str] = []
    real = os.open

    def refusing(path: Any, *arguments: Any, **named: Any) -> int:
        if "/map_files/" in os.fsdecode(path):
            raise PermissionError(errno.EPERM, "not permitted")
        opened.append(os.fsdecode(path))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", refusing)
    return opened


@needs_own_stack
def test_without_the_privilege_the_path_leads_to_the_file(no_map_files: list[str]) -> None:
    assert functions(named(stack(WRAPPER + LEAD))) == ["epoll_create1+0x7"]
    assert any(path.startswith(f"/proc/{os.getpid()}/root/") for path in no_map_files)


@needs_own_stack
@pytest.mark.usefixtures("no_map_files")
def test_another_file_at_that_path_lends_no_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    there = code.code_of(ours())
    assert there is not None
    libc = there.at(WRAPPER)
    assert libc is not None
    with pytest.raises(FileNotFoundError):
        there.open(libc._replace(path=os.fsencode(tmp_path / "pipe")))
    with pytest.raises(FileNotFoundError):
        there.open(libc._replace(path=os.fsencode(tmp_path / "pipe"), inode=(tmp_path / "pipe").stat().st_ino))
    with pytest.raises(FileNotFoundError):
        there.open(libc._replace(path=os.fsencode(__file__)))


def test_a_mapping_is_named_by_its_file() -> None:
    def module(path: bytes) -> bytes:
        return code.Mapping(0, 1, 0, 1, path).module

    assert [module(path) for path in (b"/usr/bin/a b", b"/tmp/x (deleted)", b"[vdso]", b"")] == [
        b"a b", b"x", b"[vdso]", b"",
    ]  # fmt: skip
