"""Names in maps for perf: those that programs write, and those that somebody made up."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.own_process.pace import Deadline
from epolltop.symbols import perf_map
from epolltop.symbols.elf import NAME_BYTES_MAX, SymbolOffset
from epolltop.symbols.perf_map import LINE_BYTES_MAX, PERF_MAP_BYTES_MAX, made_places


def told(content: bytes, *positions: int, deadline_s: float = 60, size: int | None = None) -> dict[int, SymbolOffset]:
    with open(os.memfd_create("perf map"), "w+b", buffering=0) as file:
        file.write(content)
        if size:
            file.truncate(size)
        return made_places(file.fileno(), positions, Deadline(deadline_s))


def test_lines_as_runtimes_write_them() -> None:
    content = (
        b"7f0000001000 20 JS:*openLoop /srv/app.js:10:5\n"
        b"00007F0000002000 00000020 [System.Net] Poll::Start()[Tier0]\n"
        b"0x7f0000003000 0x20 py::open_loop:/srv/app.py\n"
    )
    assert told(content, 0x7F0000001001, 0x7F0000002020, 0x7F0000003008, 0x7F0000001021) == {
        0x7F0000001001: SymbolOffset(b"JS:*openLoop /srv/app.js:10:5", 1),
        0x7F0000002020: SymbolOffset(b"[System.Net] Poll::Start()[Tier0]", 0x20),
        0x7F0000003008: SymbolOffset(b"py::open_loop:/srv/app.py", 8),
    }


LINES = st.tuples(st.integers(0, 40), st.integers(0, 12), st.binary(min_size=1, max_size=5))
NOISE = st.binary(max_size=8)


@given(st.lists(LINES | NOISE, max_size=12), st.sets(st.integers(0, 60)), st.integers(1, 40))
def test_of_whole_lines_the_last_one_that_covers_a_call_names_it(
    entries: list[tuple[int, int, bytes] | bytes], positions: set[int], part: int
) -> None:
    lines = [each if isinstance(each, bytes) else b"%x %x %b" % each for each in entries]
    content = b"\n".join(lines) + b"\n7"
    functions = [
        (int(fields[0], 16), int(fields[1], 16), fields[2])
        for line in content.split(b"\n")[:-1]
        if len(fields := line.split(b" ", 2)) == 3 and is_number(fields[0]) and is_number(fields[1])
    ]
    expected = {
        at: SymbolOffset(covering[-1][1], at - covering[-1][0])
        for at in positions
        if (covering := [(start, name) for start, size, name in functions if start < at <= start + size])
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perf_map, "_PART_BYTES", part)  # lines end anywhere in a part
        found = told(content, *positions)
    assert {at: place for at, place in found.items() if place.function} == {
        at: place for at, place in expected.items() if place.function
    }


def is_number(word: bytes) -> bool:
    try:
        return int(word, 16) >= 0
    except ValueError:
        return False


@pytest.mark.parametrize(
    "content",
    [
        b"10 20 being written",
        b"-10 200 before all memory\n",
        b"10 -5 of no size\n",
        b"10\n10 20\n\n \nzz 20 a\n",
        b"10 " + b"f" * 100,
        b"\0" * 4096,
    ],
)
def test_what_is_no_line_names_nothing(content: bytes) -> None:
    assert {at: place for at, place in told(content, 0x11).items() if place.function} == {}


def test_control_characters_are_the_readers_to_escape() -> None:
    assert told(b"10 20 \x1b[31m\r\0\n", 0x11) == {0x11: SymbolOffset(b"\x1b[31m\r\0", 1)}


def test_a_long_line_is_cut_and_the_next_one_is_read() -> None:
    content = b"10 20 " + b"a" * 20 * LINE_BYTES_MAX + b"\n40 20 next\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(perf_map, "_PART_BYTES", 1000)
        assert told(content, 0x11, 0x41) == {
            0x11: SymbolOffset(b"a" * NAME_BYTES_MAX, 1),
            0x41: SymbolOffset(b"next", 1),
        }


def test_a_map_that_is_too_long_names_nothing() -> None:
    line = b"10 20 name\n"
    assert told(line, 0x11, size=PERF_MAP_BYTES_MAX)
    with pytest.raises(OSError, match="too large"):
        told(line, 0x11, size=PERF_MAP_BYTES_MAX + 1)


def test_a_map_that_would_not_end_in_time_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"10 20 name\n"
    monkeypatch.setattr(perf_map, "S_PER_BYTE", 100 / len(line))
    assert told(line, 0x11, deadline_s=150)
    with pytest.raises(TimeoutError):
        told(line * 2, 0x11, deadline_s=150)


@pytest.mark.parametrize("line", [b"\n", b"0 ffffffffffffffff x\n"])
def test_time_ends_it_whatever_the_map_has(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf_map, "S_PER_BYTE", 0)
    positions = range(1, 60_000)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        told(line * (PERF_MAP_BYTES_MAX // len(line)), *positions, deadline_s=0.05)
    assert time.monotonic() - began < 5
