"""ListReadings of interest lists. What two of them, some seconds apart, agree about was not only so for a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeAlias

from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.watch import InterestList, TargetKind, Watch, needs_an_edge

APART_NS = 5_000_000_000
"""Two readings that are compared are at least as far apart."""
_STREAMS = frozenset((TargetKind.TCP, TargetKind.UNIX))
_AT_END = frozenset(("CLOSE_WAIT", "LAST_ACK", "CLOSING"))

WatchIdentity: TypeAlias = tuple[int, int, TargetKind]
"""Of a watch from one reading to the next: number, data and kind of target."""


@dataclass(frozen=True)  # no slots: what follows from a list is computed once
class ListReading:
    """A list, and what its loops had returned until then."""

    of: InterestList
    events: int | None
    """Since the observation began; None if that is not known."""

    @cached_property
    def stale(self) -> Mapping[WatchIdentity, Watch]:
        """Watches whose number is closed, or for another file."""
        return {_identity(watch): watch for watch in self.of.watches if watch.stale}

    @cached_property
    def unread(self) -> Mapping[WatchIdentity, int]:
        """Bytes that wait in connections of which no further event comes as they are."""
        told = ((watch, _unread(watch)) for watch in self.of.watches if needs_an_edge(watch.events))
        return {_identity(watch): unread for watch, unread in told if unread}

    @cached_property
    def unsent(self) -> bool:
        """Whether a peer is slow to take what was written to it."""
        return any(amount for watch in self.of.watches for name, amount in watch.target.details if name == "unsent")

    @cached_property
    def nested(self) -> tuple[Watch, ...]:
        """Watches of instances."""
        return tuple(watch for watch in self.of.watches if watch.target.kind is TargetKind.EPOLL)

    @cached_property
    def lacking(self) -> Mapping[WatchIdentity, Watch]:
        """Watches whose number means something else in a process that holds the instance, too."""
        return {_identity(watch): watch for watch in self.of.watches if watch.stale is False and watch.lacking}

    def watch(self, identity: WatchIdentity) -> Watch | None:
        """The watch that is known by that."""
        return next((watch for watch in self.of.watches if _identity(watch) == identity), None)


class ReadCase(Protocol):
    """What is asked of the case of an instance."""

    instance: Instance

    @property
    def events(self) -> int | None:
        """That its loops returned until now. To find out takes 10 us a loop."""


class ListReadings:
    """The last ones of each list."""

    def __init__(self) -> None:
        self._of: dict[InstanceKey, tuple[ListReading, ...]] = {}  # the newest last

    def look(self, read: Iterable[ReadCase]) -> None:
        """Takes in a window.

        Args:
            read: all instances whose lists are known.
        """
        known: dict[InstanceKey, tuple[ListReading, ...]] = {}
        for each in read:
            instance = each.instance
            assert instance.interest is not None, "its list was not read"
            key = instance.key
            before = self._of.get(key, ())
            is_new = not before or before[-1].of is not instance.interest
            known[key] = _followed_by(before, ListReading(instance.interest, each.events)) if is_new else before
        self._of = known

    def last(self, instance: Instance) -> ListReading | None:
        """The last reading of its list."""
        return self._of.get(instance.key, (None,))[-1]

    def earlier(self, instance: Instance) -> ListReading | None:
        """The last one that is some seconds older than that."""
        readings = self._of.get(instance.key, ())
        return readings[0] if readings and _are_apart(readings[0], readings[-1]) else None


def _followed_by(before: tuple[ListReading, ...], last: ListReading) -> tuple[ListReading, ...]:
    """Without those that are older than need be."""
    apart = [at for at, each in enumerate(before) if _are_apart(each, last)]
    return (*before[apart[-1] if apart else 0 :], last)


def _are_apart(earlier: ListReading, later: ListReading) -> bool:
    return later.of.at_ns - earlier.of.at_ns >= APART_NS


def _identity(watch: Watch) -> WatchIdentity:
    return watch.fd, watch.data, watch.target.kind


def _unread(watch: Watch) -> int:
    """Bytes that its program has not read. The end of a stream counts as one in the kernel's number."""
    told = dict(watch.target.details)
    unread = told.get("unread", 0)
    if watch.target.kind not in _STREAMS or watch.stale or not isinstance(unread, int):
        return 0
    return unread - 1 if told.get("state") in _AT_END else unread
