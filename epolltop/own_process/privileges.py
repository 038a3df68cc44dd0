"""The capabilities of a thread, and how it gives up for good those that it no longer needs.

Capabilities and no_new_privs belong to a thread; a thread that it starts inherits them. See capabilities(7).
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import struct
from collections.abc import Iterable, Iterator


class Capability(enum.IntEnum):
    """The capabilities that epolltop uses; numbers of include/uapi/linux/capability.h."""

    DAC_OVERRIDE = 1
    DAC_READ_SEARCH = 2
    IPC_LOCK = 14
    SYS_RAWIO = 17
    SYS_PTRACE = 19
    SYS_ADMIN = 21
    PERFMON = 38
    BPF = 39
    CHECKPOINT_RESTORE = 40


_VERSION_3 = 0x20080522
_HEADER = struct.Struct("=Ii")
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable: the lower halves, then the upper ones
# include/uapi/linux/prctl.h
_SET_KEEPCAPS, _CAPBSET_READ, _CAPBSET_DROP, _AMBIENT, _AMBIENT_CLEAR_ALL = 8, 23, 24, 47, 4
_SET_NO_NEW_PRIVS, _GET_NO_NEW_PRIVS = 38, 39
_MOST = 64

_libc = ctypes.CDLL(None, use_errno=True)


def keep_only(wanted: Iterable[Capability]) -> None:
    """Gives up all other capabilities of this thread for good, and those it could gain by executing a program.

    It gains none that it did not have. If a sandbox forbids one of the calls, the others still take effect; `held` says
    what is left.
    """
    _prctl(_SET_NO_NEW_PRIVS, 1)
    _, permitted = _get()
    _set(permitted, permitted)  # after a change of user none takes effect until then
    for number in range(_MOST):
        if _prctl(_CAPBSET_READ, number) == 1:
            _prctl(_CAPBSET_DROP, number)  # refused without CAP_SETPCAP; no_new_privs holds all the same
    _prctl(_AMBIENT, _AMBIENT_CLEAR_ALL)
    left = permitted & _bits(wanted)
    _set(left, left)


def keep_nothing() -> None:
    """Gives up all capabilities of this thread for good."""
    keep_only(())


def keep_over_change_of_user() -> None:
    """Keeps permitted capabilities when root becomes another user; `keep_only` then chooses among them."""
    _prctl(_SET_KEEPCAPS, 1)


@contextlib.contextmanager
def effective(wanted: Iterable[Capability]) -> Iterator[None]:
    """Within it, no other capability of this thread takes effect."""
    before, permitted = _get()
    _set(before & _bits(wanted), permitted)
    try:
        yield
    finally:
        _set(before, permitted)


def has(capability: Capability) -> bool:
    """Whether a capability takes effect in this thread."""
    return bool(_get()[0] >> capability & 1)


def knows(capability: Capability) -> bool:
    """Whether this kernel has a capability: those from PERFMON on came with Linux 5.8 and 5.9."""
    return _prctl(_CAPBSET_READ, capability) >= 0


def held() -> tuple[str, ...]:
    """Names of the capabilities that this thread may use: CAP_BPF or, if we have no name for one, CAP_24."""
    _, permitted = _get()
    numbers = (number for number in range(_MOST) if permitted >> number & 1)
    names = {capability.value: capability.name for capability in Capability}
    return tuple(f"CAP_{names.get(number, number)}" for number in numbers)


def gains_nothing() -> bool:
    """Whether no_new_privs is set: no program that this thread executes can gain rights."""
    return _prctl(_GET_NO_NEW_PRIVS, 0) == 1


def _bits(capabilities: Iterable[Capability]) -> int:
    return sum(1 << capability for capability in set(capabilities))


def _get() -> tuple[int, int]:
    """The effective and the permitted set, as bits."""
    sets = ctypes.create_string_buffer(_SETS.size)
    if _libc.capget(_HEADER.pack(_VERSION_3, 0), sets) < 0:
        return 0, 0
    low, low_permitted, _, high, high_permitted, _ = _SETS.unpack(sets.raw)
    return high << 32 | low, high_permitted << 32 | low_permitted


def _set(effective: int, permitted: int) -> None:
    """Sets both, and none for programs that are executed."""
    words = (effective & 0xFFFFFFFF, permitted & 0xFFFFFFFF, 0, effective >> 32, permitted >> 32, 0)
    _libc.capset(_HEADER.pack(_VERSION_3, 0), _SETS.pack(*words))


def _prctl(option: int, argument: int) -> int:
    return int(_libc.prctl(option, *map(ctypes.c_ulong, (argument, 0, 0, 0))))
