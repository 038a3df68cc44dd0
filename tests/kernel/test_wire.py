"""What bpf/wire.h is to the compiler, and to epolltop/sources/bpf/wire.py: the same bytes mean the same values."""

from __future__ import annotations

import ctypes
import errno
import re
from collections.abc import Iterator
from struct import Struct
from typing import Any

import pytest

from epolltop.bcc.compilation import bpf_directory
from epolltop.bcc.loader import load_bcc
from epolltop.model.counts import Counts
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.holding import Holding
from epolltop.model.loop_activity import WaitCall
from epolltop.model.process import ProcessKey
from epolltop.sources.bpf import loop_wire, wire
from epolltop.sources.bpf.probes import PROBES

pytestmark = pytest.mark.kernel

LAYOUTS = {
    "event": wire.EVENT,
    "stack": wire.STACK,
    "totals": wire.TOTALS,
    "holding": wire.HOLDING,
    "live_instance": wire.LIVE_INSTANCE,
    "calibration": wire.CALIBRATION,
    "pass": wire.PASS,
    "descriptors": wire.DESCRIPTORS,
    "loop": loop_wire.LOOP,
    "loop_counts": loop_wire.LOOP_COUNTS,
    "turn": loop_wire.TURN,
    "late": loop_wire.LATE,
    "late_sample": loop_wire.LATE_SAMPLE,
    "maxima": loop_wire.MAXIMA,
    **{part.name: part.layout for probe in PROBES for table in probe.tables for part in (table.key, table.value)},
}


@pytest.fixture(name="compiled", scope="module")
def _compiled() -> Iterator[dict[str, type[ctypes.Structure]]]:
    """Each structure of wire.h as the compiler lays it out: a map's value, as BCC describes it to Python."""
    tables = "\n".join(f"BPF_ARRAY(of_{name}, struct {name}, 1);" for name in LAYOUTS)
    source = f'#include "wire.h"\n{tables}\n'.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BCC_KERNEL_SOURCE", str(bpf_directory() / "stub-headers"))
        bpf = load_bcc().BPF(text=source, cflags=["-w", f"-I{bpf_directory()}"])
    yield {name: bpf[f"of_{name}".encode()].Leaf for name in LAYOUTS}
    bpf.cleanup()


def test_every_structure_of_the_header_is_compared() -> None:
    header = (bpf_directory() / "wire.h").read_text(encoding="ascii")
    assert set(re.findall(r"^struct (\w+) \{", header, re.MULTILINE)) == LAYOUTS.keys()


@pytest.mark.parametrize(("name", "layout"), LAYOUTS.items())
def test_sizes_agree(compiled: dict[str, type[ctypes.Structure]], name: str, layout: Struct) -> None:
    assert layout.size == ctypes.sizeof(compiled[name])


def _filled(structure: type[ctypes.Structure], **given: Any) -> bytes:
    """A structure with another value in each member that is not given."""
    filled = structure()
    for number, (member, kind, *_) in enumerate(structure._fields_, start=1):
        if member in given:
            setattr(filled, member, given[member])
        elif issubclass(kind, ctypes._SimpleCData) and "pad" not in member:
            size = ctypes.sizeof(kind)
            setattr(filled, member, (number if size == 1 else number << 8 * (size - 2)) + number)
    return bytes(filled)


def _member(raw: bytes, structure: type[ctypes.Structure], member: str) -> Any:
    value = getattr(structure.from_buffer_copy(raw), member)
    return bytes(value) if isinstance(value, ctypes.Array) else value


@pytest.mark.parametrize("frames", [0, 1, 63])
@pytest.mark.parametrize("padding", [0, 4])
def test_stacks_are_cut_off_behind_their_last_frame(
    compiled: dict[str, type[ctypes.Structure]], frames: int, padding: int
) -> None:
    structure = compiled["stack"]
    addresses = (ctypes.c_uint64 * 64)(*range(0x7FFF00000000, 0x7FFF00000040))
    whole = _filled(structure, image=(1 << 47) - 1, caller=(1 << 64) - 1, lead=11, frames=addresses)
    sent = whole[: structure.frames.offset + 8 * frames]
    raw = wire.stack_bytes(bytes(range(wire.EVENT.size)) + sent + b"x" * padding)
    assert raw == sent
    assert wire.decode_stack(raw) == ((1 << 47) - 1, (1 << 64) - 1, 11, tuple(addresses)[:frames])


@pytest.mark.parametrize("padding", [0, 4])
def test_an_event_alone_has_no_stack(padding: int) -> None:
    assert wire.stack_bytes(bytes(wire.EVENT.size + padding)) == b""


def test_totals_are_read_member_by_member(compiled: dict[str, type[ctypes.Structure]]) -> None:
    raw = _filled(compiled["totals"])
    read = wire.WireTotals._make(wire.TOTALS.unpack(raw))
    assert read._asdict() == {name: _member(raw, compiled["totals"], name) for name in read._fields}
    assert len(set(read)) == len(read)


def test_lessons_are_read_and_written_member_by_member(compiled: dict[str, type[ctypes.Structure]]) -> None:
    raw = _filled(compiled["calibration"])
    read = wire.Calibration._make(wire.CALIBRATION.unpack(raw))
    assert read._asdict() == {name: _member(raw, compiled["calibration"], name) for name in read._fields}
    assert wire.CALIBRATION.pack(*read) == raw


def test_counts_are_read_member_by_member(compiled: dict[str, type[ctypes.Structure]]) -> None:
    key = _filled(compiled["process"], tgid=4_000_000_000, start_ns=123_456_789_000)
    raw = _filled(compiled["counts"])
    counts = Counts(*(_member(raw, compiled["counts"], name) for name in Counts._fields))
    assert len(set(counts)) == 5
    assert wire.decode_counts([(wire.PROCESS.unpack(key), wire.COUNTS.unpack(raw))]) == {
        ProcessKey(4_000_000_000, 12_345): counts
    }
    assert wire.PROCESS.pack(*wire.PROCESS.unpack(key)) == key


def test_counts_of_one_pid_within_a_clock_tick_are_added_up(compiled: dict[str, type[ctypes.Structure]]) -> None:
    def pair(tgid: int, start_ns: int, **counts: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        key = _filled(compiled["process"], tgid=tgid, start_ns=start_ns)
        return wire.PROCESS.unpack(key), wire.COUNTS.unpack(_filled(compiled["counts"], **counts))

    first = pair(7, 120_000_001, created=1, failed=2, released=3, sampled_out=4, failed_sampled_out=1)
    heir = pair(7, 129_999_999, created=10, failed=20, released=30, sampled_out=40, failed_sampled_out=2)
    later = pair(7, 130_000_000, created=5, failed=5, released=5, sampled_out=5, failed_sampled_out=5)
    assert wire.decode_counts([first, heir, later]) == {
        ProcessKey(7, 12): Counts(11, 22, 33, 44, 3),
        ProcessKey(7, 13): Counts(5, 5, 5, 5, 5),
    }


def test_holdings_are_read_member_by_member(compiled: dict[str, type[ctypes.Structure]]) -> None:
    one = _filled(compiled["holding"], start_ns=123_456_789_000, creator_start_ns=98_765_432_100, syscall=2)
    other = _filled(compiled["holding"], file=1, created_ns=0, syscall=0)
    (first, second), cut = wire.decode_table(one + other)
    assert cut is None
    members = {"file", "created_ns", "argument", "fd", "creator", "creator_tid"}
    expected = {name: _member(one, compiled["holding"], name) for name in members}
    pid = _member(one, compiled["holding"], "tgid")
    assert first == Holding(start=12_345, pid=pid, syscall=2, creator_start=9_876, **expected)
    assert len(set(first)) == len(first)
    assert (second.file, second.created_ns) == (1, 0)


def test_a_record_without_a_file_says_that_there_is_more(compiled: dict[str, type[ctypes.Structure]]) -> None:
    process = {"tgid": 4_000_000_000, "start_ns": 123_456_789_000}
    one, more = (_filled(compiled["holding"], file=file, **process) for file in (1, 0))
    held, cut = wire.decode_table(one + more)
    assert ([each.file for each in held], cut) == ([1], ProcessKey(4_000_000_000, 12_345))
    assert wire.decode_table(more) == ([], cut)
    assert [wire.table_size(raw) for raw in (one, one + more, more)] == [(1, False), (1, True), (0, True)]


def test_what_records_have_in_common_is_one_object(compiled: dict[str, type[ctypes.Structure]]) -> None:
    process = {"tgid": 4_000_000_000, "start_ns": 123_456_789_000, "creator": 3_000_000_000, "argument": 1 << 20}
    raw = b"".join(_filled(compiled["holding"], fd=1_000 + number, **process) for number in range(3))
    holdings, _ = wire.decode_table(raw)
    for name in ("pid", "start", "creator", "creator_start", "argument"):
        assert len({id(getattr(holding, name)) for holding in holdings}) == 1, name


def test_passes_are_read_and_written_member_by_member(compiled: dict[str, type[ctypes.Structure]]) -> None:
    raw = _filled(compiled["pass"])
    read = wire.Pass._make(wire.PASS.unpack(raw))
    assert read._asdict() == {name: _member(raw, compiled["pass"], name) for name in read._fields}
    assert wire.PASS.pack(*read) == raw


def test_a_census_is_cut_where_the_process_changes(compiled: dict[str, type[ctypes.Structure]]) -> None:
    held = [
        [_filled(compiled["holding"], tgid=tgid, fd=fd) for fd in range(count)]
        for tgid, count in ((4_000_000_000, 1), (1, 3), (4_000_000_000, 2))
    ]
    raw = b"".join(record for records in held for record in records)
    assert wire.census_tables(raw) == [b"".join(records) for records in held]
    assert wire.census_tables(b"") == []


def test_a_creation_is_read_member_by_member(compiled: dict[str, type[ctypes.Structure]]) -> None:
    structure = compiled["event"]
    raw = _filled(structure, start_ns=123_456_789_000, kind=1, syscall=2, flags=0, ret=1_000_000, comm=b"a\xffb")
    same = {"time_ns", "file", "created_ns", "tid", "ppid", "uid", "cgroup", "argument"}
    expected: dict[str, Any] = {name: _member(raw, structure, name) for name in same}
    read = wire.decode_event(raw + b"padding of the perf buffer")
    assert read == Event(
        **expected,
        kind=Kind.CREATE,
        pid=_member(raw, structure, "tgid"),
        start=12_345,
        name="a\\xffb",
        fd=1_000_000,
        errno=0,
        syscall=Syscall.EPOLL_CREATE1,
        by_kernel=False,
        since_ns=expected["created_ns"],
    )
    assert len({*expected.values(), read.pid}) == len(expected) + 1


def test_a_failure_and_a_release_have_no_descriptor(compiled: dict[str, type[ctypes.Structure]]) -> None:
    structure = compiled["event"]
    failed = wire.decode_event(
        _filled(structure, kind=2, ret=-errno.EMFILE, syscall=1, argument=2**32 - 1, flags=0, file=0, created_ns=0)
    )
    assert (failed.kind, failed.errno, failed.fd, failed.instance) == (Kind.CREATE_FAILED, errno.EMFILE, None, None)
    assert (failed.syscall, failed.argument) == (Syscall.EPOLL_CREATE, -1)
    released = wire.decode_event(_filled(structure, kind=3, ret=0, syscall=0, flags=1, created_ns=0))
    assert (released.kind, released.errno, released.fd, released.by_kernel) == (Kind.RELEASE, 0, None, True)
    assert (released.argument, released.lifetime_ns) == (None, None)
    delayed = wire.decode_event(_filled(structure, kind=3, ret=0, syscall=0, flags=2, uid=2**32 - 1, comm=b""))
    assert (delayed.by_kernel, delayed.by_census, delayed.uid, delayed.name) == (False, True, None, "")


def test_late_threads_are_read_member_by_member(compiled: dict[str, type[ctypes.Structure]]) -> None:
    raw = _filled(compiled["late"], number=-1, on_cpu=1, throttled=2, compat=3)
    (read,) = loop_wire.late(raw)
    members = {name: _member(raw, compiled["late"], name) for name in read._fields if name != "key"}
    assert read._asdict() == {"key": loop_wire.loop_key(raw[: loop_wire.LOOP.size]), **members}
    assert len(set(members.values())) == len(members)


def test_the_words_of_the_header_are_those_of_the_model() -> None:
    header = (bpf_directory() / "wire.h").read_text(encoding="ascii")
    words = {name: int(value) for name, value in re.findall(r"^\t(\w+) = (\d+),", header, re.MULTILINE)}
    for word, value in words.items():
        kind, _, name = word.partition("_")
        match kind:
            case "KIND":
                assert Kind[name].value == value
            case "SYSCALL":
                assert Syscall[name].value == value
            case "WAIT":
                assert WaitCall[name].value == value
            case _:
                assert value == {"EVENT_BY_KERNEL": wire._BY_KERNEL, "EVENT_BY_CENSUS": wire._BY_CENSUS}[word]
    assert {f"KIND_{kind.name}" for kind in Kind if kind < Kind.FOUND} < words.keys()
    assert {f"SYSCALL_{syscall.name}" for syscall in Syscall} < words.keys()
    assert {f"WAIT_{call.name}" for call in WaitCall} < words.keys()
