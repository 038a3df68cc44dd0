"""/proc/PID/syscall: the system call that a thread sleeps in, and its arguments; 12 µs on Linux 6.18.

Format: proc_pid_syscall(5). It takes the right to attach to the process (PTRACE_MODE_ATTACH_FSCREDS).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from epolltop.model.loop_activity import TIMEOUT_UNKNOWN, WaitCall
from epolltop.proc.mem import read_memory
from epolltop.proc.reading import head_if_open
from epolltop.proc.system_calls import number_of

_BYTES = 256
"""A number and eight of at most 18 characters."""
_CALLS = {number: call for call in WaitCall if (number := number_of(call.name.lower())) is not None}
EPOLL = "epoll"
_FILES_WAITED_FOR = {
    **{call.name.lower(): (EPOLL, 2) for call in WaitCall},
    "poll": ("poll", 1),
    "ppoll": ("poll", 1),
    "select": ("select", 0),
    "pselect6": ("select", 0),
    "io_uring_enter": ("io_uring", 2),
}
"""Waits for files: what they wait in, and which argument says for how many files, completions or events. With none they
only sleep."""
_WAITS_IN = {number: wait for name, wait in _FILES_WAITED_FOR.items() if (number := number_of(name)) is not None}
_TIMESPEC = struct.Struct("=qq")
_NS_PER_S = 1_000_000_000
_SECONDS_MAX = 9_000_000_000
"""285 years are endless for all purposes."""


class PendingWait(NamedTuple):
    """A wait on an epoll instance that has not returned."""

    call: WaitCall
    fd: int
    events: int
    """Address in the program."""
    maxevents: int
    timeout_ns: int | None
    """None: infinite. TIMEOUT_UNKNOWN: epoll_pwait2 has it in the memory of the program, which could not be read."""


def read_wait(root: str, thread: int) -> PendingWait | None:
    """The wait that a thread sleeps in; None if it sleeps in none, or is gone.

    Args:
        root: of the /proc tree, or a directory of threads in it.
        thread: there.

    Raises:
        PermissionError: it may not be looked into.
    """
    words = _words(root, thread)
    call = _CALLS.get(int(words[0])) if words else None
    if call is None:
        return None
    fd, events, maxevents, timeout = (int(word, 16) for word in words[1:5])
    if call is WaitCall.EPOLL_PWAIT2:
        timeout_ns = _timespec(read_memory(root, thread, timeout, _TIMESPEC.size)) if timeout else None
    else:
        timeout_ns = _signed(timeout) * 1_000_000 if _signed(timeout) >= 0 else None
    return PendingWait(call, _signed(fd), events, _signed(maxevents), timeout_ns)


def read_waits_in(root: str, thread: int) -> str | None:
    """What a thread waits in for files: EPOLL or a member of ThreadWaits; None if it does not, or is gone.

    Args:
        root: of the /proc tree, or a directory of threads in it.
        thread: there, of a 64-bit program.

    Raises:
        PermissionError: it may not be looked into.
    """
    words = _words(root, thread)
    what, argument = _WAITS_IN.get(int(words[0]), (None, 0)) if words else (None, 0)
    return what if what and int(words[1 + argument], 16) else None


def _words(root: str, thread: int) -> list[bytes]:
    """The number of the call that a thread sleeps in, and its arguments; empty if it sleeps in none, or is gone."""
    words = head_if_open(f"{root}/{thread}/syscall", _BYTES).split()
    return words if len(words) >= 7 and words[0].isdigit() else []  # b"running"; b"-1": in no call


def _timespec(raw: bytes) -> int | None:
    seconds, nanoseconds = _TIMESPEC.unpack(raw) if len(raw) == _TIMESPEC.size else (-1, 0)
    if seconds < 0 or not 0 <= nanoseconds < _NS_PER_S:
        return TIMEOUT_UNKNOWN
    return seconds * _NS_PER_S + nanoseconds if seconds <= _SECONDS_MAX else None


def _signed(register: int) -> int:
    """The int in a register."""
    number = register & 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number
