"""io_uring without a library: what it does to descriptors."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_SETUP, _ENTER, _REGISTER = 425, 426, 427
_REGISTER_FILES, _UNREGISTER_FILES = 2, 3
_GETEVENTS, _OP_CLOSE = 1, 19
_SQES = 0x10000000


def _did(result: int) -> dict[str, Any]:
    return {"done": result} if result >= 0 else {"errno": ctypes.get_errno()}


def ring() -> dict[str, Any]:
    """A ring that is never mapped: that would be a reference."""
    return _did(_libc.syscall(_SETUP, 1, ctypes.create_string_buffer(120)))


def register_files(ring: int, fds: list[int]) -> dict[str, Any]:
    """The ring refers to what these descriptors refer to."""
    return _did(_libc.syscall(_REGISTER, ring, _REGISTER_FILES, (ctypes.c_int * len(fds))(*fds), len(fds)))


def unregister_files(ring: int) -> dict[str, Any]:
    return _did(_libc.syscall(_REGISTER, ring, _UNREGISTER_FILES, None, 0))


def close_by_ring(fd: int) -> dict[str, Any]:
    """IORING_OP_CLOSE, through a ring that is gone afterwards."""
    params = ctypes.create_string_buffer(120)
    ring = _libc.syscall(_SETUP, 1, params)
    if ring < 0:
        return _did(ring)
    entries, cq_entries = struct.unpack_from("=II", params)
    _, tail, _, _, _, _, array = struct.unpack_from("=7I", params, 40)
    *_, cqes = struct.unpack_from("=6I", params, 80)
    try:
        with (
            mmap.mmap(ring, max(array + 4 * entries, cqes + 16 * cq_entries)) as queues,
            mmap.mmap(ring, 64 * entries, offset=_SQES) as sqes,
        ):
            struct.pack_into("=BBHi", sqes, 0, _OP_CLOSE, 0, 0, fd)
            struct.pack_into("=I", queues, array, 0)
            struct.pack_into("=I", queues, tail, 1)
            done = _did(_libc.syscall(_ENTER, ring, 1, 1, _GETEVENTS, None, 0))
            (result,) = struct.unpack_from("=i", queues, cqes + 8)
            return done if "errno" in done else {"done": 0} if result == 0 else {"errno": -result}
    finally:
        os.close(ring)
