"""A process in a snapshot: what it holds, what it did, and how quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from epolltop.model.batch import TABLES
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.instance import Instance
from epolltop.model.kept_rates import KEPT_RATES
from epolltop.model.levels import Steps
from epolltop.model.process import Process, ProcessKey
from epolltop.model.process_loops import NO_LOOPS, ProcessLoops
from epolltop.model.rates import Counted
from epolltop.model.thread_waits import ThreadWaits

Count = TypeVar("Count", int, float)
_PLACES = {name: place for place, name in enumerate(TABLES)}
_HISTORIES = {name: place for place, name in enumerate(KEPT_RATES)}


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
    steps: Steps = ()
    """Of which it follows; a snapshot file does not tell them."""


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
    loops: ProcessLoops = NO_LOOPS
    """Of its threads."""
    descriptors: Descriptors | None = None
    """None: no census counted them."""
    thread_waits: ThreadWaits | None = None
    """None: one of its threads waits in epoll, or they were not looked at."""

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
