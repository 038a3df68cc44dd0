"""Names of Go functions, from the table that Go's linker writes for its own run time: strip(1) leaves it.

The table lists functions by address, so an address is found by bisection of the file: nothing is kept in memory, and a
forged table takes no more reads than a true one. What it says is a stranger's.

Format: Go's src/runtime/symtab.go (pcHeader, functab, _func) and src/debug/gosym/pclntab.go, from Go 1.16 on.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Collection
from typing import NamedTuple

from epolltop.own_process.pace import Deadline
from epolltop.symbols.elf import NAME_BYTES_MAX, Section, SymbolOffset, addresses, pread, sections

_TABLES = (b".gopclntab", b".data.rel.ro.gopclntab")
"""Of a program at a fixed address, and of one that can be anywhere."""
_TEXT = b".text"
_PADDING_MAX = 64
"""Bytes after the last function."""
_HEAD = struct.Struct("<I2xBB8Q")
_POINTER_BYTES = 8
_NAME = struct.Struct("<i")


class _GoLayout(NamedTuple):
    """Where the header and a function have what."""

    names: int
    """Number of the word that tells where the names are."""
    functions: int
    """Number of the word that tells where the list of functions is; places of their details are counted from there."""
    entry: struct.Struct
    """Of that list: where a function begins, and where its details are."""
    name: int
    """Offset in these details."""
    text: int | None
    """Number of the word with the address that beginnings are counted from; None: they are addresses."""


_LAYOUTS = {
    0xFFFFFFFA: _GoLayout(2, 6, struct.Struct("<QQ"), 8, None),  # Go 1.16
    0xFFFFFFF0: _GoLayout(3, 7, struct.Struct("<II"), 4, 2),  # Go 1.18
    0xFFFFFFF1: _GoLayout(3, 7, struct.Struct("<II"), 4, 2),  # Go 1.20
}


class _Beginnings:
    """Where functions begin, in order; one more is where the last one ends."""

    def __init__(self, file: int, layout: _GoLayout, count: int, position: int, text: int) -> None:
        self._file, self._layout, self._count, self._position, self._text = file, layout, count, position, text

    def __len__(self) -> int:
        return self._count + 1

    def __getitem__(self, number: int) -> int:
        (word,) = struct.unpack_from("<Q" if self._layout.text is None else "<I", self.entry(number))
        return int(word) + self._text

    def entry(self, number: int) -> bytes:
        """Of the last one only the beginning is there."""
        size = self._layout.entry.size
        return pread(self._file, size if number < self._count else size // 2, self._position + number * size)


def go_places(file: int, positions: Collection[int], deadline: Deadline) -> dict[int, SymbolOffset]:
    """Finds the functions that contain the calls before some positions; as `elf.places`."""
    if not positions:
        return {}
    there = sections(file)
    table = next((there[name] for name in _TABLES if name in there), None)
    if table is None:
        return {}
    try:
        return _places(file, table, there.get(_TEXT), addresses(file, positions), deadline)
    except struct.error:  # the file ends before what its table announces
        return {}


def _places(
    file: int, table: Section, text: Section | None, calls: dict[int, int], deadline: Deadline
) -> dict[int, SymbolOffset]:
    magic, _, pointer_bytes, *words = _HEAD.unpack(pread(file, _HEAD.size, table.position))
    layout = _LAYOUTS.get(magic)
    if layout is None or pointer_bytes != _POINTER_BYTES or words[0] * layout.entry.size > table.size:
        return {}
    functions, names = table.position + words[layout.functions], table.position + words[layout.names]
    begin = 0 if layout.text is None else words[layout.text]
    beginnings = _Beginnings(file, layout, words[0], functions, begin)
    if layout.text is not None and not begin:
        # Go 1.26 does not tell. Code of other languages may stand first, but not where functions fill the section.
        if text is None or not 0 <= text.size - beginnings[words[0]] < _PADDING_MAX:
            return {}
        beginnings = _Beginnings(file, layout, words[0], functions, text.address)
    found = {}
    for position, call in calls.items():
        deadline.require()
        number = bisect.bisect_right(beginnings, call) - 1
        if 0 <= number < words[0]:
            _, details = layout.entry.unpack(beginnings.entry(number))
            (name,) = _NAME.unpack(pread(file, _NAME.size, functions + details + layout.name))
            written = pread(file, NAME_BYTES_MAX, max(names + name, 0), whole=False).partition(b"\0")[0]
            found[position] = SymbolOffset(written, call + 1 - beginnings[number])
    return found
