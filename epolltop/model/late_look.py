"""A look at a loop that is late: what its thread does, away from the instance for long."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from epolltop.model.bounds import FRAMES_MAX, Frame, Name
from epolltop.model.open_enum import OpenEnum
from epolltop.model.watch import Target

LATE_NS = 100_000_000
"""From when on a loop is late, unless somebody asks for less: asyncio reports callbacks that take longer."""


class Doing(OpenEnum):
    """Whether a thread runs, and if not, why."""

    UNKNOWN = 0
    ON_CPU = 1
    RUNNABLE = 2
    """It could run, but no CPU is free for it."""
    THROTTLED = 3
    """It could run, but its control group has used up its CPU time."""
    PAGE_FAULT = 4
    """It sleeps outside of a system call: memory that it touched is not there yet."""
    BLOCKED = 5
    """It sleeps in a system call."""
    STOPPED = 6
    """By a signal, a debugger or the freezer."""

    @property
    def word(self) -> str:
        """As users write it."""
        return self.name.lower()


class LateLook(NamedTuple):
    """The last look at a loop that was late."""

    returned_ns: int
    """Since when it was away, as in Turn: tells whether it still is."""
    at_ns: int
    """When it was looked at."""
    doing: Doing
    call: Name | None = None
    """The system call that the thread was in; None: in none, or that is not known."""
    fd: int | None = None
    """The descriptor that the call is about, if it is about one."""
    target: Target | None = None
    """What that was for; None if it is not known."""
    stack: Annotated[tuple[Frame, ...], Meta(max_length=FRAMES_MAX)] = ()
    """Where in its program the thread was, innermost first; of one that runs by the last sample. Empty if that was not
    asked for, or is not known."""
    cpu_ns: int | None = None
    """How long it had been on a CPU since it is away, to a scheduler tick; None: it is not known."""
    runq_ns: int | None = None
    """How long it had waited on run queues since then, without a wait that lasts; None: it is not known."""
