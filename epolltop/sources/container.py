"""The form of a recording file, of which docs/recording.md tells more: a line of text, then frames."""

from __future__ import annotations

import struct
import zlib

import msgspec

MAGIC = b"epolltop.recording/"
"""Begins the first line; the version follows it, a blank, and the header as JSON."""
VERSION = 1
HEADER_BYTES_MAX = 1 << 16
RAW = -zlib.MAX_WBITS
"""All frames together are one deflate stream without its own header and check sum, flushed after each."""
FRAME = struct.Struct("<IIq")
"""Compressed length, CRC-32 of length, time and content, the boot clock. A length of 0 ends the recording."""


class Header(msgspec.Struct, frozen=True):
    """What holds for the whole recording."""

    epolltop: str
    """Version of the program that wrote it."""
    pids: tuple[int, ...] = ()
    """What --pid and --user selected; all processes are recorded nevertheless, since they share instances."""
    uids: tuple[int, ...] = ()


def framed(content: bytes, now_ns: int) -> bytes:
    """A frame."""
    return FRAME.pack(len(content), check_sum(len(content), now_ns, content), now_ns) + content


def check_sum(length: int, now_ns: int, content: bytes) -> int:
    """Of a frame."""
    return zlib.crc32(content, zlib.crc32(FRAME.pack(length, 0, now_ns)))
