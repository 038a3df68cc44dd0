"""One instance: how it is known, who holds it and who held it."""

from __future__ import annotations

import bisect
import enum
from typing import NamedTuple, TypeAlias

from epolltop.model.event import Syscall
from epolltop.model.instance_key import InstanceKey, TracedKey, instance_id
from epolltop.model.process import ProcessKey
from epolltop.model.watch import InterestList


class Provenance(enum.Enum):
    """How epolltop came to know an instance."""

    TRACED = "traced"
    """Its creation was seen by a probe."""
    FOUND = "found"
    """It was there when a census looked: its creation was not seen."""


class Holder(NamedTuple):
    """A process and its descriptors for one instance, ascending."""

    process: ProcessKey
    fds: tuple[int, ...]


Cloexec: TypeAlias = tuple[tuple[bool | None, ...], ...]
"""Of each holder, in their order, whether each of its descriptors is closed on exec, in theirs; None if not known."""


class Thread(NamedTuple):
    """A thread as it was once."""

    tid: int
    name: str | None
    """None if no event told."""


class Held(NamedTuple):
    """The holders of an instance up to an instant, when a census showed others."""

    until_ns: int
    """Boot clock."""
    holders: tuple[Holder, ...]


class Instance(NamedTuple):
    """One epoll instance. A tuple, because 100,000 are made at once: 0.3 us each, as a frozen dataclass 1.2."""

    file: int
    """Address of its struct file (bpf), or a number of our own (proc)."""
    since_ns: int
    """Boot clock: creation if traced, else when it was first seen. With file, its identity."""
    provenance: Provenance
    creator: ProcessKey | None
    syscall: Syscall
    argument: int | None
    holders: tuple[Holder, ...]
    """Ascending by process. Empty: only descriptors in flight or a waiting thread keep it, or not yet looked at."""
    watches: int | None = None
    stack: tuple[str, ...] = ()
    """Of its creation, as in Event; equal stacks are one object."""
    past: tuple[Held, ...] = ()
    """Earlier holders, the oldest first; of many changes the last few."""
    cloexec: Cloexec = ()
    """Of the holders; empty if it was read of none."""
    thread: Thread | None = None
    """Which created it; None if that is not known."""
    interest: InterestList | None = None
    """What it watches, as it was read last; None: nobody asked, or it could not be read."""
    more_holders: int = 0
    """Number of further holders, which a snapshot file did not list."""

    @property
    def id(self) -> str:
        """Stable for as long as it lives, and never used again."""
        return instance_id(self.key)

    @property
    def key(self) -> InstanceKey:
        """Which instance it is."""
        return self.file, self.since_ns

    @property
    def traced_key(self) -> TracedKey:
        """The same, as in what probes count."""
        return self.file, self.created_ns or 0

    @property
    def created_ns(self) -> int | None:
        """Boot clock; None if creation was not seen."""
        return self.since_ns if self.provenance is Provenance.TRACED else None

    def fds_of(self, process: ProcessKey) -> tuple[int, ...]:
        """The descriptors that process has for it."""
        at = self._place_of(process)
        return () if at is None else self.holders[at].fds

    @property
    def holder_count(self) -> int:
        """How many processes hold it."""
        return len(self.holders) + self.more_holders

    def cloexec_of(self, process: ProcessKey) -> tuple[bool | None, ...]:
        """Whether each of these is closed on exec."""
        at = self._place_of(process)
        if at is None:
            return ()
        return self.cloexec[at] if self.cloexec else (None,) * len(self.holders[at].fds)

    def _place_of(self, process: ProcessKey) -> int | None:
        """Its position among the holders. Every row asks, so a linear search would take quadratic time."""
        at = bisect.bisect_left(self.holders, (process,))
        return at if at < len(self.holders) and self.holders[at].process == process else None
