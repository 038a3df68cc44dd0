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


GO_TEXT = 0x1000
"""Where the code of a Go program begins, in its file and in memory."""


def go_program(
    magic: int, functions: Sequence[tuple[int, bytes]], end: int, *, told: bool = True, others: int = 0
) -> bytes:
    """A stripped program with a table of functions as Go's linker writes it.

    Args:
        magic: of the layout.
        functions: where they begin, counted from the first code, and their names.
        end: where the last one ends.
        told: whether the table says where the code begins.
        others: bytes of code that the table does not list.
    """
    old = magic == 0xFFFFFFFA
    word, base = ("<QQ", GO_TEXT) if old else ("<II", 0)
    names, places = b"\0", []
    for _, name in functions:
        places.append(len(names))
        names += name + b"\0"
    heads = len(functions) * struct.calcsize(word) + struct.calcsize(word) // 2
    details = [
        struct.pack("<Qi" if old else "<Ii", base + start, at) for (start, _), at in zip(functions, places, strict=True)
    ]
    size = struct.calcsize("<Qi" if old else "<Ii")
    listed = b"".join(struct.pack(word, base + start, heads + at * size) for at, (start, _) in enumerate(functions))
    listed += struct.pack(word[:2], base + end)
    names_at, functions_at = 80, 80 + len(names)
    words = [len(functions), 0, names_at, 0, 0, 0, functions_at, 0] if old else [
        len(functions), 0, GO_TEXT if told else 0, names_at, 0, 0, 0, functions_at,
    ]  # fmt: skip
    table = struct.pack("<I2xBB8Q", magic, 1, 8, *words).ljust(80, b"\0") + names + listed + b"".join(details)
    texts = b"\0.text\0.gopclntab\0.shstrtab\0"
    table_at = (GO_TEXT + end + 15) & ~15
    texts_at = table_at + len(table)
    sections_at = texts_at + len(texts)
    head = _HEADER.pack(
        b"\x7fELF\x02\x01\x01", 2, 62, 1, 0, 64, sections_at, 0, 64, _SEGMENT.size, 1, _SECTION.size, 4, 3
    ) + _SEGMENT.pack(1, 5, GO_TEXT, GO_TEXT, GO_TEXT, end, end, 1)
    sections = (
        bytes(_SECTION.size),
        _SECTION.pack(1, 1, 6, GO_TEXT, GO_TEXT, end + others, 0, 0, 32, 0),
        _SECTION.pack(7, 1, 2, 0, table_at, len(table), 0, 0, 32, 0),
        _SECTION.pack(18, 3, 0, 0, texts_at, len(texts), 0, 0, 1, 0),
    )
    return (head.ljust(GO_TEXT, b"\0") + b"\x90" * end).ljust(table_at, b"\0") + table + texts + b"".join(sections)


def notes(content: bytes) -> bytes:
    """A file with a segment of notes."""
    at = _HEADER.size + _SEGMENT.size
    head = _HEADER.pack(b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, _HEADER.size, 0, 0, 64, _SEGMENT.size, 1, 64, 0, 0)
    return head + _SEGMENT.pack(4, 4, at, 0, 0, len(content), len(content), 4) + content
