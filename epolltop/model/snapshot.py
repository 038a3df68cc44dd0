"""The world at one instant, frozen: the only thing that queries and front ends see."""

from __future__ import annotations

import bisect
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

from epolltop.model.batch import TABLES, Cost
from epolltop.model.counts import Totals
from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.event import Event, Syscall, instance_id
from epolltop.model.kept_rates import KEPT_RATES
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import Process, ProcessKey
from epolltop.model.rates import Counted
from epolltop.model.source import Source

CtlError: TypeAlias = tuple[CtlOperation, int]
"""What was asked for, and the errno."""
Count = TypeVar("Count", int, float)
_PLACES = {name: place for place, name in enumerate(TABLES)}
_HISTORIES = {name: place for place, name in enumerate(KEPT_RATES)}


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
    more_holders: int = 0
    """Number of further holders, which a snapshot file did not list."""

    @property
    def id(self) -> str:
        """Stable for as long as it lives, and never used again."""
        return instance_id(self.file, self.since_ns)

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


class Growth(NamedTuple):
    """Growth of the instances and descriptors of a process, see growth.py; negative if they shrink."""

    net_per_min: float
    """Open instances a minute: over the last minute, or since the process is known if that is shorter."""
    net_per_h: float
    """Open instances an hour: over the last hour, or since the process is known if that is shorter."""
    fds_per_s: float | None
    """Descriptors of any kind a second, over the minute or the hour, the faster."""
    since_ns: int
    """Boot clock: known since."""


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process that holds an instance, or did something about one inside the window."""

    key: ProcessKey
    facts: Process
    """Of one that was gone before /proc was asked: what its last event told."""
    started_ns: int | None
    """Boot clock, to a clock tick."""
    ended: bool
    counted: tuple[Counted[Any], ...]
    """What it did, in the order of `TABLES`."""
    histories: tuple[tuple[float, ...], ...]
    """In the order of `KEPT_RATES`: per second, a value a window, the oldest first. Zeros before the first rate above 0
    are left out, except one."""
    instances: tuple[Instance, ...]
    lacking: bool = False
    """Some of its calls may be counted for no process, see completeness.py: its counts are lower bounds."""
    partly_listed: bool = False
    """It may hold more instances than these, which are all that are known one by one."""
    more_instances: int = 0
    """Number of further instances that it holds and that a snapshot file did not list."""
    growth: Growth | None = None
    """None before it was known for a second."""
    loops: tuple[LoopRow, ...] = ()
    """Of its threads, by thread."""

    @property
    def pid(self) -> int:
        """The thread group id of the process."""
        return self.key.pid

    @property
    def name(self) -> str:
        """As in Process."""
        return self.facts.name

    @property
    def command(self) -> str:
        """As in Process."""
        return self.facts.command

    @property
    def uid(self) -> int | None:
        """As in Process."""
        return self.facts.uid

    @property
    def user(self) -> str | None:
        """As in Process."""
        return self.facts.user

    def table(self, name: str) -> Counted[Any]:
        """What it did, of one table."""
        return self.counted[_PLACES[name]]

    def rates_kept(self, name: str) -> tuple[float, ...]:
        """One of its histories."""
        return self.histories[_HISTORIES[name]]

    @property
    def created(self) -> int:
        """Instances it created."""
        return int(self.table("counts").total.created)

    @property
    def released(self) -> int:
        """Instances it released."""
        return int(self.table("counts").total.released)

    @property
    def failed(self) -> int:
        """Creations that failed."""
        return int(self.table("counts").total.failed)

    @property
    def create_per_s(self) -> float:
        """Over the window."""
        return self.table("counts").per_s("created")

    @property
    def release_per_s(self) -> float:
        """Over the window."""
        return self.table("counts").per_s("released")

    @property
    def sampled_out(self) -> int:
        """As in Counts."""
        return int(self.table("counts").total.sampled_out)

    @property
    def failed_sampled_out(self) -> int:
        """As in Counts."""
        return int(self.table("counts").total.failed_sampled_out)

    @property
    def is_nested(self) -> bool:
        """Whether it is known to be in a PID namespace below the one observed from."""
        return self.facts.ns_pid not in (None, self.key.pid)

    @property
    def open(self) -> int:
        """Instances it holds."""
        return len(self.instances) + self.more_instances

    def growth_over_s(self, now_ns: int) -> float | None:
        """How long growth an hour is taken over."""
        return None if self.growth is None else min(3600.0, (now_ns - self.growth.since_ns) / 1e9)

    @property
    def fd_limit_in_s(self) -> float | None:
        """Seconds until it reaches its limit of descriptors: 0 if reached, otherwise None unless they grow."""
        fds, limit = self.facts.fds, self.facts.fd_limit
        if fds is None or limit is None:
            return None
        if fds >= limit:
            return 0.0
        per_s = self.growth.fds_per_s if self.growth else None
        return (limit - fds) / per_s if per_s and per_s > 0 else None

    def known(self, count: Count) -> Count | None:
        """One of its counts or rates; None if it is 0 and may be incomplete."""
        return count if count or not self.lacking else None


class Extent(NamedTuple):
    """How much there is."""

    processes: int
    """With a row each."""
    holding: int | None
    """Of these, processes that hold an instance; None if that is not known."""
    instances: int
    """Distinct ones."""
    in_flight: int
    """Of these, instances that nobody holds."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state at now_ns."""

    now_ns: int
    wall_ns: int
    observed_s: float
    """Time over which epolltop has counted."""
    window_s: float
    """Time over which rates are computed; 0: nothing was observed yet, counts and rates are unknown."""
    source: Source
    totals: Totals
    open: int
    """Distinct instances of the selected processes, as far as they are listed."""
    unheld: tuple[Instance, ...]
    """Of these, instances without a descriptor in any process: sent but not received, or kept by a waiting thread."""
    create_per_s: float
    release_per_s: float
    processes: tuple[ProcessRow, ...]
    journal: Sequence[Event]
    """The last events, oldest first."""
    journal_end: int
    """How many events were ever journalled; the last of journal has number journal_end - 1."""
    news: tuple[Event, ...]
    """All events since the snapshot before, oldest first, if the world was made to tell all."""
    cost: Cost
    cpu_share: float
    """Own CPU time over the window, as a share of one core."""
    dropped: int = 0
    """Events that are in no news, because too many waited: since somebody looks who is told all."""
    lacking: bool = False
    """Some calls of the processes in the totals may not be counted."""
    unseen: int = 0
    """Of these calls, creations that no probe saw: a lower bound."""
    partly_listed: bool = False
    """There may be more instances than epolltop knows one by one."""
    absent: tuple[int, ...] = ()
    """Selected pids without a process: it does not exist, or no longer exists."""
    ctl: Mapping[CtlKey, CtlCounts] = field(default_factory=dict)
    """The changes of interest lists since the start."""
    ctl_errors: Mapping[CtlKey, Mapping[CtlError, int]] = field(default_factory=dict)
    """How many of them failed, and how."""
    looked_ns: int = 0
    """Start of the last census. Of holders, only creators are known for a later time. 0: there was no census."""
    of: Extent | None = None
    """The extent of everything, if this is a snapshot file that lists only a part. Totals and rates are about all."""

    @property
    def exact(self) -> bool:
        """Whether totals are exact; else some of them are lower bounds."""
        return self.source.exact and not self.lacking

    def is_exact(self, counter: str) -> bool:
        """Whether the total of a counter is exact; else it is a lower bound."""
        return self.source.sees(counter) and not self.lacking

    @property
    def census_age_s(self) -> float | None:
        """How old the last census is; None if there was none."""
        return max(0, self.now_ns - self.looked_ns) / 1e9 if self.looked_ns else None

    @property
    def begin_ns(self) -> int:
        """Boot clock: when the window began."""
        return self.now_ns - round(self.window_s * 1e9)

    @property
    def loops(self) -> tuple[LoopRow, ...]:
        """Of the selected processes."""
        return tuple(loop for row in self.processes for loop in row.loops)

    @property
    def in_flight(self) -> int:
        """How many instances nobody holds."""
        return len(self.unheld)

    @property
    def extent(self) -> Extent:
        """What is listed here."""
        holding = sum(1 for row in self.processes if row.open)
        return Extent(len(self.processes), holding, self.open, self.in_flight)

    def net_of(self, row: ProcessRow) -> int | None:
        """Instances that a process created less those it released; None if some of either may not be counted.

        Without a probe, both numbers come from the difference between two censuses.
        """
        alike = self.source.sees("created") == self.source.sees("released")
        return row.created - row.released if self.window_s and alike and not row.lacking else None

    def row_of(self, process: ProcessKey) -> ProcessRow | None:
        """Its row, if it is listed."""
        return next((row for row in self.processes if row.key == process), None)

    def wall_of(self, at_ns: int) -> int:
        """Nanoseconds since the epoch of a boot clock instant."""
        return self.wall_ns - (self.now_ns - at_ns)
