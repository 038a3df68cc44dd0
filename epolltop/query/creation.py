"""How the creation of an instance reads: what it was called with, from where, and why it failed."""

from __future__ import annotations

import errno

from epolltop.model.batch import Event, Syscall

_EPOLL_CLOEXEC = 0o2000000


def flag_names(argument: int) -> tuple[str, ...]:
    """Flags of epoll_create1: EPOLL_CLOEXEC, and what no kernel knows in hexadecimal."""
    rest = argument & 0xFFFFFFFF & ~_EPOLL_CLOEXEC
    return ("EPOLL_CLOEXEC",) * bool(argument & _EPOLL_CLOEXEC) + (f"{rest:#x}",) * bool(rest)


def argument_text(syscall: Syscall, argument: int | None) -> str | None:
    """What the instance was created with: size=1024, EPOLL_CLOEXEC, 0; None if not seen."""
    if argument is None or syscall is Syscall.UNKNOWN:
        return None
    return f"size={argument}" if syscall is Syscall.EPOLL_CREATE else "|".join(flag_names(argument)) or "0"


def signed(argument: int | None) -> int | None:
    """The int that the program passed: probes hand over its 32 bits."""
    return None if argument is None else argument - (1 << 32) if argument >= 1 << 31 else argument


def stack_text(frames: tuple[str, ...]) -> str | None:
    """Functions of a stack in a line, innermost first; None if there is none."""
    return " < ".join(frames) or None


def error_name(event: Event) -> str | None:
    """Why creation failed: EMFILE, or a number that has no name; None if it did not."""
    return errno.errorcode.get(event.errno, str(event.errno)) if event.errno else None
