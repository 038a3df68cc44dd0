"""Open files, descriptors and who has them; and what happens to instances.

A table maps descriptors to files; threads refer to tables, processes are their threads. Times are nanoseconds of the
boot clock, around a move.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple

Bounds = tuple[int, int]
"""Something happened not before the one and not after the other."""


class Kind(enum.Enum):
    """What an open file is."""

    EPOLL = "epoll"
    SOCKET = "socket"
    RING = "ring"


@dataclass(frozen=True)
class Call:
    """What a creation was asked for."""

    size: int | None = None
    flags: int | None = None
    compat: bool = False
    """Through the 32-bit entry."""


@dataclass(eq=False)
class Process:
    """Its name in /proc, and what lives in it."""

    pid: int
    start: int
    """Clock ticks since boot."""
    threads: list[Thread] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"P{self.pid}"


@dataclass(eq=False)
class Slot:
    """One descriptor."""

    file: File
    cloexec: bool


@dataclass(eq=False)
class Table:
    """A table of descriptors, of those that matter."""

    slots: dict[int, Slot] = field(default_factory=dict)

    def copy(self) -> Table:
        return Table({fd: Slot(slot.file, slot.cloexec) for fd, slot in self.slots.items()})


@dataclass(frozen=True)
class Asked:
    """What a wait was asked for."""

    call: str
    maxevents: int
    timeout_ns: int | None
    """None: infinite."""
    has_room: bool = True
    """There is memory where the events are to go."""


ADD, DEL, MOD = 1, 2, 3  # EPOLL_CTL_ADD and following, include/uapi/linux/eventpoll.h
NOT_OPEN = 1_000_000
"""A descriptor that no process has."""


class Ctl(NamedTuple):
    """A change of an interest list, as calls have it."""

    fd: int
    operation: int
    target: int | None
    """None: a file that cannot be watched."""
    events: int = 1
    has_event: bool = True
    """There is memory that has the events."""
    pause_s: float = 0
    """After it."""


@dataclass(frozen=True)
class Wait:
    """One that has begun."""

    file: File | None
    """None: the descriptor names no instance."""
    asked: Asked
    entered: Bounds


@dataclass(eq=False)
class Thread:
    """A task."""

    process: Process
    tid: int
    start: int
    """Clock ticks since boot; of one that executed a program, the process'."""
    table: Table
    channel: str
    wait: Wait | None = None
    """In which it is now."""
    refused: int = 0
    """What seccomp answers to epoll_create1; 0: it lets it through."""
    rings: bool = False
    """It has used io_uring, whose work may end a wait before its time."""

    def __repr__(self) -> str:
        return f"{self.process}/{self.tid}"


@dataclass(eq=False)
class File:
    """An open file."""

    number: int
    kind: Kind
    messages: list[list[File]] = field(default_factory=list)
    """Of a socket: what waits to be received. Of a ring: what is registered."""
    polls: list[tuple[Thread, File]] = field(default_factory=list)
    """Of a ring: on what it waits, and who asked for it."""
    peer: File | None = None
    inode: int = 0
    released: bool = False

    def __repr__(self) -> str:
        return f"{self.kind.value}{self.number}"


@dataclass(frozen=True)
class Created:
    """A creation that succeeded."""

    file: File
    by: Process
    tid: int
    fd: int
    call: Call
    when: Bounds


@dataclass(frozen=True)
class Failed:
    """One that did not."""

    by: Process
    tid: int
    errno: int
    call: Call
    refused: bool
    """By a filter, before the call began."""
    when: Bounds


@dataclass(frozen=True, eq=False)
class Waited:
    """A wait that returned."""

    wait: Wait
    by: Thread
    tid: int
    """Of that thread then."""
    start: int
    result: int
    """Events, or -errno."""
    returned: Bounds


@dataclass(frozen=True)
class Changed:
    """A call to change an interest list, or a request for io_uring; whatever came of it."""

    file: File
    by: Process
    asked: Ctl
    inode: int
    """Of the target: a socket's own, or 0, which stands for the one of all other files that are watched."""
    errno: int
    by_ring: bool
    when: Bounds


@dataclass(frozen=True)
class Released:
    """The end of an instance."""

    file: File
    by: Process | None
    """Who dropped the last reference; None: a thread of the kernel."""
    when: Bounds
    perhaps_kernel: bool = False
    """The kernel may have left it to a thread of its own, which does it later."""
    perhaps: frozenset[Process] = frozenset()
    """Or to one of these, which had asked a ring to wait on it."""
