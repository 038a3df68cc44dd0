"""Interest lists: what an instance watches, and what each target is called."""

from __future__ import annotations

import select
from collections.abc import Iterable
from typing import Annotated, NamedTuple

from msgspec import Meta

from epolltop.model.bounds import DETAILS_MAX, WATCHES_MAX, Name, TargetText
from epolltop.model.open_enum import OpenEnum

_EVENTS = {
    select.EPOLLIN: "EPOLLIN",
    select.EPOLLPRI: "EPOLLPRI",
    select.EPOLLOUT: "EPOLLOUT",
    select.EPOLLERR: "EPOLLERR",
    select.EPOLLHUP: "EPOLLHUP",
    0x20: "EPOLLNVAL",
    select.EPOLLRDNORM: "EPOLLRDNORM",
    select.EPOLLRDBAND: "EPOLLRDBAND",
    select.EPOLLWRNORM: "EPOLLWRNORM",
    select.EPOLLWRBAND: "EPOLLWRBAND",
    select.EPOLLMSG: "EPOLLMSG",
    select.EPOLLRDHUP: "EPOLLRDHUP",
    1 << 27: "EPOLL_URING_WAKE",
    1 << 28: "EPOLLEXCLUSIVE",
    1 << 29: "EPOLLWAKEUP",
    1 << 30: "EPOLLONESHOT",
    1 << 31: "EPOLLET",
}
"""The bits of include/uapi/linux/eventpoll.h, ascending."""
_EDGE, _ONESHOT = 1 << 31, 1 << 30
_IO_EVENTS = (1 << 28) - 1
"""Of a watch that was for one event and had it, the kernel keeps none of these, not even EPOLLERR and EPOLLHUP."""


class TargetKind(OpenEnum):
    """What is watched."""

    UNKNOWN = 0
    """It could not be seen, was another file from one look to the next, or is of a kind that a later epolltop told."""
    TCP = 1
    UDP = 2
    UNIX = 3
    NETLINK = 4
    SOCKET = 5
    """Of another protocol, or of none that is known."""
    PIPE = 6
    FIFO = 7
    EVENTFD = 8
    TIMERFD = 9
    SIGNALFD = 10
    INOTIFY = 11
    FANOTIFY = 12
    PIDFD = 13
    EPOLL = 14
    IO_URING = 15
    TTY = 16
    DEVICE = 17
    FILE = 18
    DIRECTORY = 19
    OTHER = 20

    @property
    def word(self) -> str:
        """As users write it."""
        return self.name.lower()


class Target(NamedTuple):
    """A watched file, named."""

    kind: TargetKind
    text: TargetText
    """As people write it, safe: an address, a path, what it waits for; `?` if it is not known."""
    details: Annotated[tuple[tuple[Name, int | TargetText], ...], Meta(max_length=DETAILS_MAX)] = ()
    """By name, in the order of interest; times in nanoseconds, amounts in bytes or as the kernel counts them."""

    @property
    def title(self) -> str:
        """Kind and name."""
        return f"{self.kind.word} {self.text}"


NOT_SEEN = Target(TargetKind.UNKNOWN, "?")


class Watch(NamedTuple):
    """One registration with an instance."""

    fd: int
    """The number under which the target was added, in the table of the process that added it."""
    events: int
    """The mask; see `event_names`."""
    data: int
    """What the program gets back, 64 bits: often the number, or an address."""
    target: Target
    stale: bool | None
    """Whether the number is closed, or for another file, in all processes that hold the instance; None if that could
    not be judged."""
    shared: bool | None
    """Whether other processes have the target open, too; None if that was not looked for, or cannot be told."""
    nested: int | None = None
    """The file, as in Instance, of a target that is an instance itself, if it is known."""
    lacking: int | None = None
    """In how many processes that hold the instance the number is closed, or for another file; None if that could not be
    judged. Of a stale watch it is all of them."""


class InterestList(NamedTuple):
    """What one instance watches."""

    watches: Annotated[tuple[Watch, ...], Meta(max_length=WATCHES_MAX)]
    """Ascending by number, of which there may be several."""
    more: int = 0
    """Number of further watches, which were counted only."""
    unnamed: int = 0
    """Number of those told whose target was not looked at: there was no time, or no room for its name."""
    at_ns: int = 0
    """Boot clock: when it was read; 0: that is not known."""

    @property
    def stale(self) -> int:
        """Number of watches of which it is known."""
        return sum(each.stale is True for each in self.watches)

    @property
    def is_whole(self) -> bool:
        """Whether each watch is told with its target."""
        return not (self.more or self.unnamed) and all(
            each.target.kind is not TargetKind.UNKNOWN for each in self.watches
        )

    @property
    def length(self) -> int:
        """Number of all watches."""
        return len(self.watches) + self.more


def needs_an_edge(mask: int) -> bool:
    """Whether a watch does not tell of input that is there already: edge-triggered, or for one event, which came."""
    is_disarmed = bool(mask & _ONESHOT) and not mask & _IO_EVENTS
    return is_disarmed or bool(mask & select.EPOLLIN and mask & _EDGE)


def event_names(mask: int) -> tuple[str, ...]:
    """The events of a mask, as in C; bits without a name are one hexadecimal number at the end."""
    names = tuple(name for bit, name in _EVENTS.items() if mask & bit)
    rest = mask & ~sum(_EVENTS)
    return (*names, f"{rest:#x}") if rest else names


def event_mask(names: Iterable[str]) -> int:
    """The inverse of `event_names`.

    Raises:
        ValueError: the names are not its result.
    """
    bits = {name: bit for bit, name in _EVENTS.items()}
    return sum(bits[name] if name in bits else int(name, 16) for name in dict.fromkeys(names))
