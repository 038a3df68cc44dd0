"""ELF files that somebody forged to make their reader work, and what is said to be mapped of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")


def program(code: int, symbols: Sequence[tuple[int, int]], name: bytes = b"evil", segments: int = 1) -> bytes:
    """A file that ends with its code.

    Args:
        code: bytes of code, loaded from 0 on in memory.
        symbols: where functions begin in it, and their size.
        name: of all of them.
        segments: that are loaded: a byte of the head each, and last the code.
    """
    sections = _HEADER.size + segments * _SEGMENT.size
    table = sections + 3 * _SECTION.size
    names = table + len(symbols) * _SYMBOL.size
    at = (names + len(name) + 2 + 4095) & ~4095
    head = _HEADER.pack(
        b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, _HEADER.size, sections, 0, 64, _SEGMENT.size, segments, _SECTION.size, 3, 0
    )
    nowhere = (_SEGMENT.pack(1, 5, number, 0, 0, 1, 1, 1) for number in range(segments - 1))
    listed = b"".join(_SYMBOL.pack(1, 0x12, 0, 1, start, size) for start, size in symbols)
    content = b"".join(
        (
            head,
            *nowhere,
            _SEGMENT.pack(1, 5, at, 0, 0, code, code, 1),
            bytes(_SECTION.size),
            _SECTION.pack(0, 2, 0, 0, table, len(listed), 2, 0, 8, _SYMBOL.size),
            _SECTION.pack(0, 3, 0, 0, names, len(name) + 2, 0, 0, 1, 0),
            listed,
            b"\0" + name + b"\0",
        )
    )
    return content.ljust(at, b"\0") + b"\xe8" * code


def code_at(content: bytes, code: int) -> int:
    """Where the code of such a file begins."""
    return len(content) - code
