"""io_uring without a library: what it does to descriptors.

A ring is mapped only while something is submitted, because a mapping would be a reference.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_SETUP, _ENTER, _REGISTER = 425, 426, 427
_REGISTER_FILES, _UNREGISTER_FILES = 2, 3
_GETEVENTS, _FIXED_FILE = 1, 1
_SQES = 0x10000000
# include/uapi/linux/io_uring.h; since Linux 5.1, 5.6, 5.6, 6.8, 6.15
_OP_POLL_ADD, _OP_CLOSE, _OP_EPOLL_CTL, _OP_FIXED_FD_INSTALL, _OP_EPOLL_WAIT = 6, 19, 29, 54, 59
_ENTRIES = 1
# opcode, flags, ioprio, fd, off, addr, len, flags of the operation, user_data
_SQE = struct.Struct("=BBHiQQIIQ")
_AWAITED, _LATER = 1, 2
"""Marks of submissions: whether they complete at once."""


def _did(result: int) -> dict[str, Any]:
    return {"done": result} if result >= 0 else {"errno": ctypes.get_errno()}


def ring() -> dict[str, Any]:
    return _did(_libc.syscall(_SETUP, _ENTRIES, ctypes.create_string_buffer(120)))


def register_files(ring: int, fds: list[int]) -> dict[str, Any]:
    """The ring refers to what these descriptors refer to."""
    return _did(_libc.syscall(_REGISTER, ring, _REGISTER_FILES, (ctypes.c_int * len(fds))(*fds), len(fds)))


def unregister_files(ring: int) -> dict[str, Any]:
    return _did(_libc.syscall(_REGISTER, ring, _UNREGISTER_FILES, None, 0))


def close_by_ring(fd: int) -> dict[str, Any]:
    """IORING_OP_CLOSE."""
    return _alone(_SQE.pack(_OP_CLOSE, 0, 0, fd, 0, 0, 0, 0, _AWAITED))


def ctl_by_ring(fd: int, operation: int, target: int) -> dict[str, Any]:
    """A change of an interest list, for EPOLLIN, by IORING_OP_EPOLL_CTL."""
    event = ctypes.create_string_buffer(struct.pack("=IQ", 1, target), 16)
    return _alone(_SQE.pack(_OP_EPOLL_CTL, 0, 0, fd, target, ctypes.addressof(event), operation, 0, _AWAITED))


def wait_by_ring(fd: int) -> dict[str, Any]:
    """A wait on an instance that has events, by IORING_OP_EPOLL_WAIT."""
    events = ctypes.create_string_buffer(16 * 8)
    return _alone(_SQE.pack(_OP_EPOLL_WAIT, 0, 0, fd, 0, ctypes.addressof(events), 8, 0, _AWAITED))


def install_from_ring(ring: int, index: int) -> dict[str, Any]:
    """A descriptor, close-on-exec, for a registered file: IORING_OP_FIXED_FD_INSTALL."""
    return _submitted(ring, _SQE.pack(_OP_FIXED_FD_INSTALL, _FIXED_FILE, 0, index, 0, 0, 0, 0, _AWAITED))


def poll_by_ring(ring: int, fd: int) -> dict[str, Any]:
    """The ring waits for EPOLLPRI, which instances never have, and refers to the file until then."""
    return _submitted(ring, _SQE.pack(_OP_POLL_ADD, 0, 0, fd, 0, 0, 0, 2, _LATER))


STEPS = (ring, register_files, unregister_files, close_by_ring, ctl_by_ring, install_from_ring, poll_by_ring)


def _alone(entry: bytes) -> dict[str, Any]:
    """Through a ring that is gone afterwards."""
    made = ring()
    if "errno" in made:
        return made
    try:
        return _submitted(made["done"], entry)
    finally:
        os.close(made["done"])


def _submitted(ring: int, entry: bytes) -> dict[str, Any]:
    """One entry, and what came of it if that is awaited."""
    params = ctypes.create_string_buffer(120)
    alike = _libc.syscall(_SETUP, _ENTRIES, params)  # whose offsets are the same
    if alike < 0:
        return _did(alike)
    os.close(alike)
    entries, cq_entries = struct.unpack_from("=II", params)
    _, tail, mask, _, _, _, array = struct.unpack_from("=7I", params, 40)
    cq_head, cq_tail, cq_mask, _, _, cqes = struct.unpack_from("=6I", params, 80)
    with (
        mmap.mmap(ring, max(array + 4 * entries, cqes + 16 * cq_entries)) as queues,
        mmap.mmap(ring, 64 * entries, offset=_SQES) as sqes,
    ):

        def number(offset: int) -> int:
            (value,) = struct.unpack_from("=I", queues, offset)
            return int(value)

        slot = number(tail) & number(mask)
        sqes[64 * slot : 64 * slot + 64] = entry.ljust(64, b"\0")
        struct.pack_into("=I", queues, array + 4 * slot, slot)
        struct.pack_into("=I", queues, tail, number(tail) + 1 & 0xFFFFFFFF)
        done = _did(_libc.syscall(_ENTER, ring, 1, 0, _GETEVENTS, None, 0))
        awaited = _SQE.unpack(entry)[-1] == _AWAITED
        while awaited and "errno" not in done:
            while (head := number(cq_head)) != number(cq_tail):
                mark, result = struct.unpack_from("=Qi", queues, cqes + 16 * (head & number(cq_mask)))
                struct.pack_into("=I", queues, cq_head, head + 1 & 0xFFFFFFFF)
                if mark == _AWAITED:  # else of what was submitted before
                    return {"done": result} if result >= 0 else {"errno": -result}
            done = _did(_libc.syscall(_ENTER, ring, 0, 1, _GETEVENTS, None, 0))
        return done
