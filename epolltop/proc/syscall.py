"""/proc/PID/syscall: the system call that a thread sleeps in, and its arguments; 12 µs on Linux 6.18.

Format: proc_pid_syscall(5). It takes the right to attach to the process (PTRACE_MODE_ATTACH_FSCREDS).
"""

from __future__ import annotations

import os
from typing import NamedTuple

from epolltop.model.loop_activity import WaitCall
from epolltop.proc.reading import head

_BYTES = 256
"""A number and eight of at most 18 characters."""
_CALLS = {
    "x86_64": {232: WaitCall.EPOLL_WAIT, 281: WaitCall.EPOLL_PWAIT, 441: WaitCall.EPOLL_PWAIT2},
    "aarch64": {22: WaitCall.EPOLL_PWAIT, 441: WaitCall.EPOLL_PWAIT2},
}.get(os.uname().machine, {})
"""Of 64-bit programs: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h."""


class PendingWait(NamedTuple):
    """A wait on an epoll instance that has not returned."""

    call: WaitCall
    fd: int
    events: int
    """Address in the program."""
    maxevents: int
    timeout_ms: int | None
    """-1: infinite. None: not known, since epoll_pwait2 has it in the memory of the program."""


def read_wait(root: str, thread: int) -> PendingWait | None:
    """The wait that a thread sleeps in; None if it sleeps in none, is gone, or may not be looked into.

    Args:
        root: of the /proc tree.
        thread: in that tree.
    """
    words = head(f"{root}/{thread}/syscall", _BYTES).split()
    if len(words) < 7 or not words[0].isdigit():  # b"running"; b"-1": in no call
        return None
    call = _CALLS.get(int(words[0]))
    if call is None:
        return None
    fd, events, maxevents, timeout = (int(word, 16) for word in words[1:5])
    by_address = call is WaitCall.EPOLL_PWAIT2
    known = -1 if by_address else max(-1, _signed(timeout))
    return PendingWait(call, _signed(fd), events, _signed(maxevents), None if by_address and timeout else known)


def _signed(register: int) -> int:
    """The int in a register."""
    number = register & 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number
