"""Names in ELF files: of functions, for positions in the code, and of sections.

The files are strangers' and root reads them, so nothing in them decides how much is read, or for how long: sizes and
time are bounded, reads are plain `pread` (a mapped file that its owner truncates would end us by SIGBUS), and tables
are walked, not kept. BCC's symbol cache does not qualify: it opens whatever a path names now, including a FIFO called
/tmp/perf-PID.map, on which it blocks for ever; and it keeps a table for each process, 16 to 35 MB for one of Node.js.

Format: elf(5).
"""

from __future__ import annotations

import bisect
import itertools
import os
import re
import struct
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from epolltop.own_process.pace import Deadline

SYMBOLS_MAX = 1_400_000
"""Symbols that are read from a table: 33 MB, 0.3 s. The rest of a larger table is ignored."""
S_PER_BYTE = 10e-9
"""Of a table of symbols. It is not begun with less time: in each poll it would use that up, and name nothing."""
NAME_BYTES_MAX = 256
SECTION_NAMES_BYTES_MAX = 1 << 14
"""The names of all sections of a file; of a program they have some 500 bytes."""
COVERS_MAX = 1 << 20
"""Pairs of a symbol and an address that it covers. Only a forged table has more, and is ignored."""
SEGMENTS_MAX = 64
"""Segments of code, or of notes; programs have one or two of each."""
NOTES_BYTES_MAX = 4096
"""Of a segment of notes; it has some 100 bytes."""

_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: all that BPF probes are written for
_PT_LOAD, _PT_NOTE, _PF_X = 1, 4, 1
_BUILD_ID = re.compile(rb"\x04\0\0\0([\x01-\x40])\0\0\0\x03\0\0\0GNU\0(.{1,64})", re.DOTALL)
"""A note: length of its name, length of what it says, NT_GNU_BUILD_ID, name."""
_SHT_SYMTAB, _SHT_DYNSYM = 2, 11
_FUNCTIONS = (2, 10)  # STT_FUNC, STT_GNU_IFUNC
_STB_GLOBAL = 1
_CHUNK = _SYMBOL.size * 4096
"""Bytes of a symbol table read at a time; some 1 ms."""
_HEADERS_MAX = 4096


class SymbolOffset(NamedTuple):
    """A position in a function, usually the return address of a call."""

    function: bytes
    """The linker's name for it: hostile bytes."""
    into: int
    """Offset from the beginning of the function."""


class Section(NamedTuple):
    """Where a section is."""

    address: int
    """The linker's."""
    position: int
    """In the file."""
    size: int


class _SymbolTable(NamedTuple):
    position: int
    size: int
    names: int
    names_size: int


def places(file: int, positions: Collection[int], deadline: Deadline) -> dict[int, SymbolOffset]:
    """Finds the functions that contain the calls before some positions; positions without a symbol are left out.

    Args:
        file: descriptor of a regular file.
        positions: byte offsets in the file, each just after a call, which may be the last instruction of its function.
        deadline: checked in each loop whose length the file decides.

    Raises:
        TimeoutError: time is over; a partly read table does not determine any function.
        OSError: it cannot be read.
    """
    try:
        header = os.pread(file, _HEADER.size, 0)
        return _places(file, header, positions, deadline) if header.startswith(_MAGIC) else {}
    except struct.error:  # the file ends before the tables that its headers announce
        return {}


def section_names(file: int) -> list[bytes]:
    """The names of the sections of a file, of very many the first; nothing if it has none, or is no ELF file.

    Args:
        file: descriptor of a regular file.

    Raises:
        OSError: it cannot be read.
    """
    return [name for name, _ in _named_sections(file)]


def sections(file: int) -> dict[bytes, Section]:
    """The sections by name; as `section_names`."""
    return {name: Section(*fields[3:6]) for name, fields in _named_sections(file)}


def addresses(file: int, positions: Collection[int]) -> dict[int, int]:
    """The linker's addresses of the calls before those positions, for positions that are code.

    Raises:
        OSError: it cannot be read.
        struct.error: it ends before what its header announces.
    """
    fields = _HEADER.unpack(os.pread(file, _HEADER.size, 0))
    return _addresses(list(_records(file, _SEGMENT, fields[4], fields[9])), positions)


def build_id(file: int) -> bytes:
    """The build id that the linker gave a file; empty if it has none, or is no ELF file.

    Args:
        file: descriptor of a regular file.

    Raises:
        OSError: it cannot be read.
    """
    try:
        header = os.pread(file, _HEADER.size, 0)
        fields = _HEADER.unpack(header)
        if not header.startswith(_MAGIC) or fields[8] != _SEGMENT.size:
            return b""
        notes = (segment for segment in _records(file, _SEGMENT, fields[4], fields[9]) if segment[0] == _PT_NOTE)
        for _, _, position, _, _, size, _, _ in itertools.islice(notes, SEGMENTS_MAX):
            found = _BUILD_ID.search(pread(file, min(size, NOTES_BYTES_MAX), position))
            if found and len(found[2]) >= found[1][0]:
                return found[2][: found[1][0]]
    except struct.error:
        pass
    return b""


def _named_sections(file: int) -> list[tuple[bytes, tuple[int, ...]]]:
    try:
        header = os.pread(file, _HEADER.size, 0)
        fields = _HEADER.unpack(header)
        sections_at, (size, count, named_by) = fields[5], fields[10:13]
        if not header.startswith(_MAGIC) or size != _SECTION.size:
            return []
        sections = list(_records(file, _SECTION, sections_at, count))
        names = sections[named_by] if named_by < len(sections) else sections[0]
        texts = pread(file, min(names[5], SECTION_NAMES_BYTES_MAX), names[4])
        return [(texts[section[0] :].partition(b"\0")[0][:NAME_BYTES_MAX], section) for section in sections]
    except (struct.error, IndexError):
        return []


def _places(file: int, header: bytes, positions: Collection[int], deadline: Deadline) -> dict[int, SymbolOffset]:
    fields = _HEADER.unpack(header)
    segments_at, sections_at = fields[4:6]
    segment_size, segments, section_size, sections = fields[8:12]
    if segment_size != _SEGMENT.size or section_size != _SECTION.size:
        return {}
    address_of = _addresses(list(_records(file, _SEGMENT, segments_at, segments)), positions)
    table = _table(list(_records(file, _SECTION, sections_at, sections)))
    if table is None:
        return {}
    found = _covering(file, table, sorted(set(address_of.values())), deadline)
    names: dict[int, bytes] = {}
    for _, offset in found.values():
        if offset not in names:
            deadline.require()
            names[offset] = _name(file, table, offset)
    return {
        at: SymbolOffset(name, address + 1 - found[address][0])
        for at, address in address_of.items()
        if address in found and (name := names[found[address][1]])
    }


def _addresses(segments: list[tuple[int, ...]], positions: Collection[int]) -> dict[int, int]:
    """The linker's addresses of the calls before those positions, for positions that are code."""
    loaded = sorted(
        (start, start + size, address - start)
        for kind, flags, start, address, _, size, _, _ in segments
        if kind == _PT_LOAD and flags & _PF_X
    )[:SEGMENTS_MAX]
    starts = [start for start, _, _ in loaded]
    addresses = {}
    for position in positions:
        last = bisect.bisect_left(starts, position) - 1
        if last >= 0 and position <= loaded[last][1]:
            addresses[position] = position - 1 + loaded[last][2]
    return addresses


def _records(file: int, layout: struct.Struct, position: int, count: int) -> Iterator[tuple[int, ...]]:
    return layout.iter_unpack(pread(file, layout.size * min(count, _HEADERS_MAX), position))


def _table(sections: list[tuple[int, ...]]) -> _SymbolTable | None:
    """The full symbol table, or else the one that strip(1) leaves for the dynamic linker."""
    for wanted in (_SHT_SYMTAB, _SHT_DYNSYM):
        for _, kind, _, _, position, size, link, _, _, entry in sections:
            if kind == wanted and link < len(sections) and entry == _SYMBOL.size:
                names = sections[link]
                return _SymbolTable(position, min(size, SYMBOLS_MAX * _SYMBOL.size), names[4], names[5])
    return None


def _covering(
    file: int, table: _SymbolTable, addresses: list[int], deadline: Deadline
) -> Mapping[int, tuple[int, int]]:
    """Start and name of the innermost function by address; a global name wins over others."""
    best: dict[int, tuple[int, bool, int]] = {}
    if not addresses:
        return {}
    deadline.require_for(table.size * S_PER_BYTE)
    last, covers = addresses[-1], 0
    for position in range(table.position, table.position + table.size, _CHUNK):
        deadline.require()
        chunk = pread(file, min(_CHUNK, table.position + table.size - position), position)
        for name, info, _, section, start, size in _SYMBOL.iter_unpack(chunk):
            if start > last or not size or not section or info & 15 not in _FUNCTIONS:
                continue
            at = bisect.bisect_left(addresses, start)
            while at < len(addresses) and addresses[at] < start + size:
                deadline.require()
                candidate = start, info >> 4 == _STB_GLOBAL, -name
                best[addresses[at]] = max(best.get(addresses[at], candidate), candidate)
                at += 1
                covers += 1
                if covers > COVERS_MAX:
                    return {}
    return {address: (start, -name) for address, (start, _, name) in best.items()}


def _name(file: int, table: _SymbolTable, offset: int) -> bytes:
    if offset >= table.names_size:
        return b""
    return pread(file, NAME_BYTES_MAX, table.names + offset, whole=False).partition(b"\0")[0]


def pread(file: int, size: int, position: int, *, whole: bool = True) -> bytes:
    """Bytes of a file.

    Raises:
        OSError: they cannot be read.
        struct.error: there are fewer, unless these are enough.
    """
    if position >> 62:
        raise struct.error("no position in a file")
    read = os.pread(file, size, position)
    if whole and len(read) != size:
        raise struct.error("cut off")
    return read
