"""Which descriptors refer to the same open file: kcmp(2).

The kernel compares the addresses of the two files and returns their order, but not the addresses. That is enough to
sort: about n·log2(n) calls of 1.7 µs each group n descriptors by open file. The kernel obfuscates the addresses with a
key made at boot, so the order holds from one scan to the next, as long as both files live.

A call needs PTRACE_MODE_READ_REALCREDS on both processes and takes pids of the caller's own pid namespace. The kernel
must be built with CONFIG_KCMP (CONFIG_CHECKPOINT_RESTORE before 5.12).
"""

from __future__ import annotations

import ctypes
import enum
import errno
import functools
import os
import platform
import struct
from collections.abc import Callable, Iterable, Iterator

Slot = tuple[int, int]
"""A pid and a descriptor number: a slot of a descriptor table."""

Compare = Callable[[int, int, int, int], int]
"""`compare`, or a stand-in that raises the same errors."""

SAME = 0
LESS = 1
GREATER = 2

_KCMP_FILE = 0
_KCMP_VM = 1
_KCMP_FILES = 2
_KCMP_EPOLL_TFD = 7
_EPOLL_SLOT = struct.Struct("=III")  # struct kcmp_epoll_slot: efd, tfd, toff
# glibc and musl have no wrapper. aarch64 and riscv64 share the generic table.
_NUMBERS = {"x86_64": 312, "aarch64": 272, "riscv64": 272}
_NUMBER = _NUMBERS.get(platform.machine(), 0) if struct.calcsize("P") == 8 else 0
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
# The two indexes are unsigned long in the kernel: without declared types ctypes would hand over 32 bits and leave the
# upper half to chance.
_syscall.argtypes = [ctypes.c_long] * 6


class SlotState(enum.Enum):
    """Whether a descriptor can be compared."""

    THERE = enum.auto()
    GONE = enum.auto()
    """The process or its descriptor no longer exists."""
    DENIED = enum.auto()
    """Access to the process is denied."""


def compare(pid1: int, fd1: int, pid2: int, fd2: int) -> int:
    """Order of the open files behind two descriptors: `SAME`, `LESS` or `GREATER`.

    Raises:
        NotImplementedError: the number of the call is not known on this machine.
        ProcessLookupError: a process is gone.
        PermissionError: a process may not be looked into.
        OSError: EBADF, a descriptor is closed; ENOSYS, the kernel is built without kcmp.
    """
    if not _NUMBER:
        raise NotImplementedError(f"kcmp: no system call number for {platform.machine()}")
    order: int = _syscall(_NUMBER, pid1, pid2, _KCMP_FILE, fd1, fd2)
    if order < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return order


def same_table(one: int, other: int) -> bool:
    """Whether two threads are known to share a descriptor table."""
    return bool(_NUMBER) and _syscall(_NUMBER, one, other, _KCMP_FILES, 0, 0) == SAME


def is_target(descriptor: Slot, instance: Slot, number: int, turn: int) -> bool:
    """Whether a descriptor is for the very file that an instance watches under some number.

    The kernel searches the interest list for it one by one, 10 ns each, with the instance locked.

    Args:
        descriptor: that is compared.
        instance: a descriptor for the instance.
        number: under which the file was added.
        turn: which of the files with that number, from 0.

    Raises:
        NotImplementedError: the number of the call is not known on this machine.
        ProcessLookupError: a process is gone.
        PermissionError: a process may not be looked into.
        FileNotFoundError: no such file is watched.
        OSError: EBADF, a descriptor is closed; EINVAL, the second one is for no instance, or the kernel is too old.
    """
    if not _NUMBER:
        raise NotImplementedError(f"kcmp: no system call number for {platform.machine()}")
    slot = ctypes.create_string_buffer(_EPOLL_SLOT.pack(instance[1], number, turn))
    (pid, fd), holder = descriptor, instance[0]
    order: int = _syscall(_NUMBER, pid, holder, _KCMP_EPOLL_TFD, fd, ctypes.addressof(slot))
    if order < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return order == SAME


@functools.cache
def available() -> bool:
    """Whether kcmp works here: its number is known, the kernel has it, and seccomp permits it."""
    me = os.getpid()
    return bool(_NUMBER) and _syscall(_NUMBER, me, me, _KCMP_VM, 0, 0) == SAME


def state(descriptor: Slot, compare: Compare) -> SlotState:
    """Compares a descriptor with itself, to find out why another comparison failed.

    Raises:
        OSError: ENOSYS.
    """
    try:
        compare(*descriptor, *descriptor)
    except PermissionError:
        return SlotState.DENIED
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EBADF):
            return SlotState.GONE
        raise
    return SlotState.THERE


def refused(_pid1: int, _fd1: int, _pid2: int, _fd2: int) -> int:
    """Stands in for `compare` if kcmp does not work: every comparison is denied."""
    raise PermissionError(errno.EPERM, "kcmp does not work here")


def untold(_descriptor: Slot, _instance: Slot, _number: int, _turn: int) -> bool:
    """Stands in for `is_target` if pids are not those that kcmp takes: nothing can be told."""
    raise PermissionError(errno.EPERM, "kcmp does not work here")


def group(descriptors: Iterable[Slot], compare: Compare) -> tuple[list[list[Slot]], list[Slot]]:
    """Groups descriptors by open file, in the order of `compare`; also returns those that may not be compared.

    A descriptor that is closed meanwhile is left out, if a comparison happens to meet it.

    This is a merge sort of its own because list.sort cannot go on after a comparison failed, and because files found
    equal melt into one on the way, which makes shared files cheaper than distinct ones.
    """
    apart: list[Slot] = []
    runs = [[[descriptor]] for descriptor in dict.fromkeys(descriptors)]
    while len(runs) > 1:
        pairs: Iterator[list[list[Slot]]] = iter(runs)
        runs = [_merge(left, next(pairs, []), apart, compare) for left in pairs]
    files = runs[0] if runs else []
    # A single one may be left that was compared with nothing.
    return [file for file in files if len(files) > 1 or _settle(file, apart, compare)], apart


def _merge(left: list[list[Slot]], right: list[list[Slot]], apart: list[Slot], compare: Compare) -> list[list[Slot]]:
    """Merges two sorted lists of files. Descriptors that may not be compared move to apart."""
    merged: list[list[Slot]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        one, other = left[i], right[j]
        try:
            order = compare(*one[0], *other[0])
        except OSError:
            alive = _settle(one, apart, compare), _settle(other, apart, compare)
            i, j = i + (not alive[0]), j + (not alive[1])
            continue
        if order == LESS:
            merged.append(one)
            i += 1
            continue
        if order == SAME:
            other[:0] = one
            i += 1
        else:
            merged.append(other)
            j += 1
    return merged + left[i:] + right[j:]


def _settle(file: list[Slot], apart: list[Slot], compare: Compare) -> bool:
    """Drops the leading descriptors that cannot be compared; False if none is left."""
    while file and (now := state(file[0], compare)) is not SlotState.THERE:
        if now is SlotState.DENIED:
            apart.append(file[0])
        del file[0]
    return bool(file)
