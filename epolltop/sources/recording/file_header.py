"""The first line of a recording: its version, and what holds for the whole file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec

from epolltop.errors import Unplayable

_MAGIC = b"epolltop.recording/"
"""Begins the line; the version follows it, a blank, and the header as JSON."""
_VERSION = 2
_HEADER_BYTES_MAX = 1 << 16
MEMBERS_MAX = 256
"""Of a record, as the header names them; today's have at most 19. Each takes room while it is skipped, if only a byte
stands for it."""


class FileHeader(msgspec.Struct, frozen=True):
    """What holds for the whole recording."""

    epolltop: str
    """Version of the program that wrote it."""
    pids: tuple[int, ...] = ()
    """What --pid and --user selected; all processes are recorded nevertheless, since they share instances."""
    uids: tuple[int, ...] = ()
    records: Mapping[str, Annotated[tuple[str, ...], msgspec.Meta(max_length=MEMBERS_MAX)]] = {}
    """See RecordLayout; version 1 has neither."""
    kinds: Mapping[str, Mapping[str, int]] = {}


def first_line(header: FileHeader) -> bytes:
    """The line of a file that is written now."""
    return _MAGIC + b"%d " % _VERSION + msgspec.json.encode(header) + b"\n"


def read_first_line(read: Callable[[int], bytes], begun: bytes) -> bytes:
    r"""The line without its end, byte by byte: what follows it is not ours to read yet.

    Args:
        read: that many bytes, or fewer at the end of the file.
        begun: what was read of it already.

    Raises:
        Unplayable: it is no recording, or cut off within the line.
    """
    line = bytearray(begun)
    octet = begun or b"-"
    while octet and len(line) < _HEADER_BYTES_MAX and _MAGIC.startswith(line[: len(_MAGIC)]):
        octet = read(1)
        if octet == b"\n" and line.startswith(_MAGIC):
            return bytes(line)
        line += octet
    if not line:
        raise Unplayable("empty")
    if not octet and _MAGIC.startswith(line[: len(_MAGIC)]):
        raise Unplayable("a recording that was cut off before the end of its first tick")
    raise Unplayable("neither a recording nor a snapshot of epolltop")


def parsed(line: bytes) -> tuple[int, FileHeader]:
    """The version that a line tells, 1 or 2, and the header.

    Raises:
        Unplayable: the version is not known, or the header is damaged.
    """
    version, _, described = line[len(_MAGIC) :].partition(b" ")
    if version not in (b"1", b"%d" % _VERSION):
        written = version.decode("ascii", "replace") if version.isdigit() and len(version) < 10 else "unknown"
        raise Unplayable(f"a recording of version {written}; this epolltop reads versions 1 and {_VERSION}")
    try:
        return int(version), msgspec.json.decode(described, type=FileHeader)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Unplayable("a recording with a damaged first line") from None
