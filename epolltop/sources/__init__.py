"""Where facts come from. Sources are interchangeable: live probes, /proc alone, a recording."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from epolltop.model.batch import Batch, ProcessKey
from epolltop.text import printable

NO_STACKS = "no stacks of who creates instances"
"""The blind spot of a source that was asked for stacks and cannot take them."""

HOLDINGS = 131_072
"""Descriptors that a census may tell, of all processes: 120 MB of records, as many as the kernel side notes births."""


def cut_short(most: int, by: str) -> str:
    """The blind spot of a census that did not tell everything.

    Args:
        most: descriptors that were told.
        by: who holds most, or what else there is to say.
    """
    return f"the census is cut short at {most:,} descriptors{by}: the rest is shown as it was last known"


class SourceUnavailable(Exception):
    """A source cannot run here. The message says why; remedy is what a person can do about it."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class SourceEnded(Exception):
    """A source has told all it knows: a recording is over."""


class Unplayable(Exception):
    """A file that cannot be replayed. The message says why, in a sentence; where that quotes the file it is safe."""

    def __init__(self, why: str) -> None:
        super().__init__(printable(why if len(why) <= WHY_CHARS_MAX else f"{why[:WHY_CHARS_MAX]}…"))


WHY_CHARS_MAX = 200
"""Of such a message: a file may have a word of megabytes where it should have a number."""


MORE_DESCRIPTORS = "ulimit -n 1024"
"""The remedy where too few descriptors are allowed."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that a source needs of the machine, and whether it is there."""

    name: str
    met: bool
    detail: str
    """What was found."""
    remedy: str = ""
    """What to do if it is not met; empty if it is, or if nothing can be done."""


class Unlisted(NamedTuple):
    """References to files that no descriptor table shows: at least so many, as far as we may look."""

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


class FactSource(Protocol):
    """Yields one batch a tick. Its calls block and come from one thread at a time, never from an event loop."""

    def open(self) -> None:
        """Attaches. From here on everything counts.

        Raises:
            SourceUnavailable: it cannot run on this machine or with these privileges.
        """

    def poll(self, focus: Mapping[int, Descriptor], shown: Collection[ProcessKey] = ()) -> Batch:
        """What is new since the last call.

        Args:
            focus: by file, the instances somebody is looking at; only their interest lists are measured.
            shown: the processes somebody is looking at; what /proc says about them is read before the rest.

        Raises:
            SourceEnded: there is nothing more to come, from a source that can end.
        """

    def close(self) -> None:
        """Detaches. May be called twice."""
