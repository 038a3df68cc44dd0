"""The form of a recording file: a line of text, then frames. docs/recording.md describes it."""

from __future__ import annotations

import struct
import zlib

RAW = -zlib.MAX_WBITS
"""All frames together are one deflate stream without its own header and check sum, flushed after each."""
FRAME = struct.Struct("<IIq")
"""Compressed length, CRC-32 of length, time and content, the boot clock. A length of 0 ends the recording."""

UNPACKED_BYTES_MAX = 64 << 20
"""Of one frame. A million instances take 35 MB when they are met first."""
_FRAME_BYTES, _FRAME_RATIO = 2 << 20, 6
_FILE_BYTES, _FILE_RATIO, _TICK_BYTES = 16 << 20, 8, 4 << 10


def unpacked_max(packed: int, octets: int, ticks: int, unpacked: int) -> int:
    """How many bytes a frame may have when it is unpacked.

    Deflate makes a thousand of one: a file of a megabyte could ask for gigabytes and hours. Facts about instances
    shrink to a third or a sixth; ticks in which little happens to a thirtieth, but they are small.

    Args:
        packed: length of its content.
        octets: length of the file up to the end of the frame.
        ticks: number of ticks up to this one.
        unpacked: unpacked length of all frames before it.
    """
    of_file = _FILE_BYTES + _FILE_RATIO * octets + _TICK_BYTES * ticks - unpacked
    return min(UNPACKED_BYTES_MAX, _FRAME_BYTES + _FRAME_RATIO * packed, of_file)


def framed(content: bytes, now_ns: int) -> bytes:
    """A frame."""
    return FRAME.pack(len(content), check_sum(len(content), now_ns, content), now_ns) + content


def check_sum(length: int, now_ns: int, content: bytes) -> int:
    """Of a frame."""
    return zlib.crc32(content, zlib.crc32(FRAME.pack(length, 0, now_ns)))
