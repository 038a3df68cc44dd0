"""Who holds instances: what a census finds, and what it cannot find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from epolltop.model.bounds import STANDING, Ticks
from epolltop.model.process import ProcessKey


class Holding(NamedTuple):
    """One descriptor of one process that refers to an epoll instance."""

    file: int
    created_ns: int
    """0 if the instance is older than the trace."""
    start: Ticks
    pid: int
    fd: int
    argument: int
    syscall: int
    creator: int = 0
    """Pid of the creator of the instance; 0 if that is not known."""
    creator_start: Ticks = 0
    """As in ProcessKey."""
    cloexec: bool | None = None
    """Whether the descriptor is closed when its process executes another program; None if that was not read."""
    creator_tid: int = 0
    """Thread that created the instance; 0 if that is not known."""


@dataclass(frozen=True, slots=True)
class Census:
    """Every epoll descriptor that could be read, by walking the descriptor tables."""

    started_ns: int
    """An instance created later may be missing in it, one released later may still be in it."""
    holdings: Annotated[Sequence[Holding], STANDING]
    """The very object of the last census if nothing changed."""
    by_address: bool
    """Files are named by kernel addresses, as in events; else by numbers, which no release can be matched with."""
    cut: frozenset[ProcessKey] = frozenset()
    """Processes that may hold more than the census has, because there was more than one census may take."""


class Unlisted(NamedTuple):
    """References to files that no descriptor table shows: lower bounds, as far as epolltop may look."""

    in_flight: int
    """Descriptors of any kind, sent over Unix sockets and not yet received."""
    sockets: int
    """In which they wait."""
    registered: int
    """Registrations of epoll instances with io_uring."""
    complete: bool
    """There was time to look at all descriptors."""


class Descriptor(NamedTuple):
    """Where an instance can be reached."""

    process: ProcessKey
    fd: int
