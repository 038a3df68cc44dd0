"""Functions of Go programs by the table of their run time: of a real program, and of forged ones."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.own_process.pace import Deadline
from epolltop.symbols import elf
from epolltop.symbols.elf import SymbolOffset
from epolltop.symbols.go_table import go_places

from . import forged

SOURCE = """
package main

import "os"

type server struct{ kept int }

//go:noinline
func (s *server) serve() { s.kept++ }

func main() {
	s := &server{}
	s.serve()
	os.Exit(s.kept)
}
"""
MAGICS = {"Go 1.16": 0xFFFFFFFA, "Go 1.18": 0xFFFFFFF0, "Go 1.20": 0xFFFFFFF1}
FUNCTIONS = [(0, b"runtime.text"), (0x40, b"main.(*server).serve"), (0x90, b"main.main")]
END = 0x100


def places(content: bytes, *positions: int, deadline_s: float = 60) -> dict[int, SymbolOffset]:
    with open(os.memfd_create("go"), "w+b", buffering=0) as file:
        file.write(content)
        return go_places(file.fileno(), positions, Deadline(deadline_s))


@pytest.mark.skipif(not shutil.which("go"), reason="no Go")
def test_of_a_stripped_program_functions_are_those_of_the_symbols_before(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text(SOURCE)
    environment = {"GO111MODULE": "off", "GOCACHE": str(tmp_path / "cache"), "CGO_ENABLED": "0"}
    for name, options in (("full", ""), ("stripped", "-s -w")):
        command = ["go", "build", "-ldflags", options, "-o", name, "main.go"]
        subprocess.run(command, cwd=tmp_path, env=os.environ | environment, check=True)
    with (tmp_path / "full").open("rb") as full, (tmp_path / "stripped").open("rb") as stripped:
        text = elf.sections(full.fileno())[b".text"]
        assert elf.sections(stripped.fileno())[b".text"] == text
        positions = range(text.position + 1, text.position + text.size, 97)
        symbols = elf.places(full.fileno(), positions, Deadline(60))
        found = go_places(stripped.fileno(), positions, Deadline(60))
        assert elf.places(stripped.fileno(), positions, Deadline(60)) == {}
    # In the table the linker leaves out the form of the call, and what a type is made of.
    expected = {
        at: SymbolOffset(re.sub(rb"\[.+\]", b"[...]", place.function.removesuffix(b".abi0")), place.into)
        for at, place in symbols.items()
    }
    assert len(expected) > 100
    assert {at: found[at] for at in expected} == expected


@pytest.mark.parametrize("magic", MAGICS.values(), ids=MAGICS)
def test_each_layout(magic: int) -> None:
    content = forged.go_program(magic, FUNCTIONS, END)
    at = forged.GO_TEXT
    assert places(content, at, at + 1, at + 0x40, at + 0x41, at + END, at + END + 1) == {
        at + 1: SymbolOffset(b"runtime.text", 1),
        at + 0x40: SymbolOffset(b"runtime.text", 0x40),
        at + 0x41: SymbolOffset(b"main.(*server).serve", 1),
        at + END: SymbolOffset(b"main.main", END - 0x90),
    }


def test_where_the_code_begins_is_not_guessed() -> None:
    def named(others: int) -> dict[int, SymbolOffset]:
        content = forged.go_program(MAGICS["Go 1.20"], FUNCTIONS, END, told=False, others=others)
        return places(content, forged.GO_TEXT + 0x41)

    assert named(16) == {forged.GO_TEXT + 0x41: SymbolOffset(b"main.(*server).serve", 1)}
    # So much is no padding, but code of another language. Nobody knows whether it comes first.
    assert named(4096) == {}


@pytest.mark.parametrize("content", [b"", b"\x7fELF", forged.program(100, [(0, 100)])])
def test_a_file_without_such_a_table_names_nothing(content: bytes) -> None:
    assert places(content, len(content)) == {}


@given(st.data(), st.sampled_from(sorted(MAGICS.values())))
def test_whatever_a_table_says_it_is_read_or_not(data: st.DataObject, magic: int) -> None:
    content = bytearray(forged.go_program(magic, FUNCTIONS, END))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        patch = data.draw(st.binary(min_size=1, max_size=8))
        content[at : at + len(patch)] = patch
    content = content[: data.draw(st.integers(0, len(content)))]
    for place in places(bytes(content), *range(forged.GO_TEXT, forged.GO_TEXT + END + 2, 7)).values():
        assert len(place.function) <= elf.NAME_BYTES_MAX
        assert place.into > 0


def test_time_ends_it() -> None:
    content = forged.go_program(MAGICS["Go 1.20"], FUNCTIONS, END)
    with pytest.raises(TimeoutError):
        places(content, forged.GO_TEXT + 1, deadline_s=-1)
