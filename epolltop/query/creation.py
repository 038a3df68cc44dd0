"""The creation of an instance in words: its argument, its stack, and why it failed."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from epolltop.model.event import Event, Syscall

INSTANCE_ID = "[0-9a-f]{1,16}@[0-9]{1,18}"
"""A pattern: the name of an instance."""
_EPOLL_CLOEXEC = 0o2000000
_ERRNOS = {name: number for number, name in errno.errorcode.items()}


def flag_names(argument: int) -> tuple[str, ...]:
    """Flags of epoll_create1: EPOLL_CLOEXEC, and other bits in hexadecimal."""
    rest = argument & 0xFFFFFFFF & ~_EPOLL_CLOEXEC
    return ("EPOLL_CLOEXEC",) * bool(argument & _EPOLL_CLOEXEC) + (f"{rest:#x}",) * bool(rest)


def argument_text(syscall: Syscall, argument: int | None) -> str | None:
    """What the instance was created with: size=1024, EPOLL_CLOEXEC, 0; None if not seen."""
    if argument is None or syscall is Syscall.UNKNOWN:
        return None
    return f"size={argument}" if syscall is Syscall.EPOLL_CREATE else "|".join(flag_names(argument)) or "0"


def flags_of(names: Iterable[str]) -> int:
    """The inverse of flag_names; ValueError if the names are not its result."""
    return sum(_EPOLL_CLOEXEC if name == "EPOLL_CLOEXEC" else int(name, 16) for name in names) & 0xFFFFFFFF


def signed(argument: int | None) -> int | None:
    """The int that the program passed: probes hand over its 32 bits."""
    return None if argument is None else argument - (1 << 32) if argument >= 1 << 31 else argument


def unsigned(argument: int | None) -> int | None:
    """The inverse of signed: the 32 bits of that int."""
    return None if argument is None else argument & 0xFFFFFFFF


def stack_text(frames: tuple[str, ...]) -> str | None:
    """Functions of a stack in a line, innermost first; None if there is none."""
    return " < ".join(frames) or None


def error_name(event: Event) -> str | None:
    """Why creation failed: EMFILE, or a number that has no name; None if it did not."""
    return errno.errorcode.get(event.errno, str(event.errno)) if event.errno else None


def error_number(name: str) -> int:
    """The inverse of error_name; ValueError if the name is not its result."""
    return _ERRNOS.get(name) or int(name[:9])
