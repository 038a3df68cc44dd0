"""Functions of ELF files: those that a compiler made, and those that somebody forged."""

from __future__ import annotations

import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from epolltop.own_process.pace import Deadline
from epolltop.symbols import elf

from . import forged

SOURCE = """
static __attribute__((noinline, used)) int hidden(int n) { return n + 1; }
__attribute__((noinline)) int shown(int n) { return hidden(n) * 2; }
int main(int count, char **words) { return shown(count); }
"""
needs_compiler = pytest.mark.skipif(not shutil.which("gcc") or not shutil.which("nm"), reason="no gcc, or no nm")


@pytest.fixture(name="built", scope="module", params=["-pie", "-no-pie"])
def _built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("elf") / "program"
    command = ["gcc", "-x", "c", "-O1", "-rdynamic", request.param, "-o", str(program), "-"]
    subprocess.run(command, input=SOURCE.encode(), check=True)
    return program


def _position(program: Path, function: str) -> tuple[int, int]:
    """Where a function begins in the file, and its size, as binutils tell it."""
    lines = subprocess.run(["nm", "-S", program], check=True, capture_output=True, text=True).stdout.splitlines()
    ((address, size),) = [line.split()[:2] for line in lines if line.split()[-1] == function]
    lines = subprocess.run(["readelf", "-lW", program], check=True, capture_output=True, text=True).stdout.splitlines()
    for fields in (line.split() for line in lines if line.split()[:1] == ["LOAD"]):
        position, start, length = (int(fields[n], 16) for n in (1, 2, 4))
        if start <= int(address, 16) < start + length:
            return int(address, 16) - start + position, int(size, 16)
    raise AssertionError("not loaded")


def _places(program: Path, *positions: int) -> dict[int, elf.SymbolOffset]:
    with program.open("rb") as file:
        return elf.places(file.fileno(), positions, Deadline(60))


@needs_compiler
@pytest.mark.parametrize("function", ["hidden", "shown", "main"])
def test_a_place_behind_each_byte_of_a_function_is_in_it(built: Path, function: str) -> None:
    start, size = _position(built, function)
    # Behind its last byte too: a call that does not return may be the last instruction.
    inside = range(start + 1, start + size + 1)
    assert _places(built, *inside) == {at: elf.SymbolOffset(function.encode(), at - start) for at in inside}


@needs_compiler
def test_what_no_function_covers_is_missing(built: Path) -> None:
    assert _places(built, 0, 1, 1 << 40, 1 << 63, (1 << 64) - 1) == {}
    assert _places(built) == {}


@needs_compiler
def test_stripped_what_the_dynamic_linker_needs_is_left(built: Path, tmp_path: Path) -> None:
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", stripped, built], check=True)
    hidden, shown = (_position(built, name)[0] for name in ("hidden", "shown"))
    assert _places(stripped, hidden + 1, shown + 1) == {shown + 1: elf.SymbolOffset(b"shown", 1)}


@pytest.fixture(name="own")
def _own() -> bytearray:
    return bytearray(Path(os.path.realpath(sys.executable)).read_bytes())


def test_no_damage_does_harm(own: bytearray, tmp_path: Path) -> None:
    program, chance = tmp_path / "program", random.Random(7)
    section_headers = struct.unpack_from("<Q", own, 40)[0]
    for _ in range(60):
        damaged = bytearray(own[:65536] if chance.random() < 0.2 else own)
        for _ in range(chance.randrange(1, 6)):
            at = chance.choice([chance.randrange(16, 64), chance.randrange(64, 1024), section_headers + 8])
            value = chance.choice([0, 1, 24, 0x7FFFFFFF, 1 << 62, (1 << 64) - 1])
            damaged[at : at + 8] = struct.pack("<Q", value)
        program.write_bytes(damaged)
        found = _places(program, *range(0x1000, 0x400000, 0x777))
        assert all(place.function and place.into > 0 for place in found.values())


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x02\x01" + bytes(58), b"\x7fELF" * 99])
def test_what_is_no_program_has_no_functions(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert _places(tmp_path / "file", 0, 1, 8) == {}


def test_a_forged_table_that_would_take_for_ever_is_given_up(tmp_path: Path) -> None:
    program = tmp_path / "forged"
    content = forged.program(100, [(0, 100)] * 10)
    program.write_bytes(content)
    at = forged.code_at(content, 100)
    assert _places(program, at + 1, at + 80) == {
        at + 1: elf.SymbolOffset(b"evil", 1),
        at + 80: elf.SymbolOffset(b"evil", 80),
    }
    content = forged.program(1000, [(0, 1000)] * (elf.COVERS_MAX // 100))
    program.write_bytes(content)
    at = forged.code_at(content, 1000)
    assert _places(program, *range(at + 1, at + 980)) == {}


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    program = tmp_path / "forged"
    content = forged.program(10, [(0, 10)], b"x" * 100_000)
    program.write_bytes(content)
    at = forged.code_at(content, 10)
    assert _places(program, at + 1) == {at + 1: elf.SymbolOffset(b"x" * elf.NAME_BYTES_MAX, 1)}


def test_as_many_segments_are_searched_as_are_allowed(tmp_path: Path) -> None:
    program = tmp_path / "forged"
    for segments, found in ((elf.SEGMENTS_MAX, True), (elf.SEGMENTS_MAX + 1, False)):
        content = forged.program(10, [(0, 10)], segments=segments)
        program.write_bytes(content)
        at = forged.code_at(content, 10)
        assert (_places(program, at + 1) != {}) == found


def test_many_segments_cost_little(tmp_path: Path) -> None:
    code = 1 << 20
    content = forged.program(code, [(start, 1024) for start in range(0, code, 1024)], segments=4096)
    (tmp_path / "forged").write_bytes(content)
    at = forged.code_at(content, code)
    began = time.process_time()
    assert _places(tmp_path / "forged", *range(at + 1, at + 1 + code, 8)) == {}
    # Position by position and segment by segment it would be half a milliard comparisons, 25 s.
    assert time.process_time() - began < 5


class _Asked(Deadline):
    """Over when it has been asked so often."""

    def __init__(self, times: int) -> None:
        super().__init__(60)
        self._left = times

    @property
    def is_over(self) -> bool:
        self._left -= 1
        return self._left < 0


@pytest.mark.parametrize(
    ("symbols", "positions"),
    [
        ([(0, 0)] * 100_000, 1),  # a long table
        ([(0, 1000)] * 20, 1000),  # functions that cover much
    ],
)
def test_a_walk_that_takes_too_long_names_nothing(
    symbols: list[tuple[int, int]], positions: int, tmp_path: Path
) -> None:
    program = tmp_path / "forged"
    content = forged.program(1000, symbols)
    program.write_bytes(content)
    at = forged.code_at(content, 1000)
    asked = range(at + 1, at + 1 + positions)
    with program.open("rb") as file:
        with pytest.raises(TimeoutError):
            elf.places(file.fileno(), asked, _Asked(20))
        assert len(elf.places(file.fileno(), asked, _Asked(1 << 20))) in {0, positions}


def _sections(program: Path) -> list[bytes]:
    with program.open("rb") as file:
        return elf.section_names(file.fileno())


@needs_compiler
def test_sections_are_those_that_binutils_list(built: Path) -> None:
    lines = subprocess.run(["readelf", "-SW", built], check=True, capture_output=True, text=True).stdout.splitlines()
    listed = [line.partition("]")[2].split()[0].encode() for line in lines if line.lstrip().startswith("[")]
    assert _sections(built)[1:] == listed[2:]  # the null section has no name, and there is a heading


def test_names_of_sections_of_forged_files(tmp_path: Path) -> None:
    content = forged.program(10, [(0, 10)])
    program = tmp_path / "forged"
    for size in (*range(0, len(content), 7), len(content)):
        program.write_bytes(content[:size])
        assert all(len(name) <= elf.NAME_BYTES_MAX for name in _sections(program))
    rng = random.Random(1)
    for _ in range(2000):
        mutant = bytearray(content)
        for _ in range(rng.randrange(1, 6)):
            mutant[rng.randrange(200)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        program.write_bytes(mutant)
        assert sum(map(len, _sections(program))) <= elf.NAME_BYTES_MAX * 4096


@needs_compiler
@pytest.mark.parametrize("options", [["-Wl,--build-id=sha1"], ["-Wl,--build-id=0x0a1b2c3d"], ["-Wl,--build-id=none"]])
def test_the_build_id_is_that_of_readelf(options: list[str], tmp_path: Path) -> None:
    command = ["gcc", "-x", "c", *options, "-o", str(tmp_path / "program"), "-"]
    subprocess.run(command, input=SOURCE.encode(), check=True)
    said = subprocess.run(["readelf", "-n", tmp_path / "program"], check=True, capture_output=True, text=True).stdout
    expected = re.search(r"Build ID: ([0-9a-f]+)", said)
    with (tmp_path / "program").open("rb") as file:
        assert elf.build_id(file.fileno()).hex() == (expected[1] if expected else "")


def test_notes_of_forged_files(tmp_path: Path) -> None:
    note = b"\4\0\0\0\x40\0\0\0\3\0\0\0GNU\0"

    def told(content: bytes) -> bytes:
        (tmp_path / "forged").write_bytes(content)
        with (tmp_path / "forged").open("rb") as file:
            return elf.build_id(file.fileno())

    assert told(forged.notes(note + b"i" * 64)) == b"i" * 64
    assert told(forged.notes(note + b"i" * 63)) == b""  # ends before what it says
    assert told(forged.notes(b"\0" * (elf.NOTES_BYTES_MAX - 16) + note + b"i" * 64)) == b""
    assert told(forged.notes(note.replace(b"\x40", b"\x41", 1) + b"i" * 70)) == b""
    assert told(b"") == told(b"\x7fELF") == b""
