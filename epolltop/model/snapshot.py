"""The world at one instant, frozen: the only thing that queries and front ends see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from epolltop.model.batch import Cost
from epolltop.model.counts import Totals
from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.event import Event
from epolltop.model.file_calls import FileCalls
from epolltop.model.finding import NO_FINDINGS, Finding, Findings
from epolltop.model.instance import Instance
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.source import Source

CtlError: TypeAlias = tuple[CtlOperation, int]
"""What was asked for, and the errno."""


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
    without_instance: tuple[ProcessRow, ...] = ()
    """Selected pids of living processes that are not listed: they hold no instance, and did nothing about one."""
    ctl: Mapping[CtlKey, CtlCounts] = field(default_factory=dict)
    """The changes of interest lists since the start."""
    ctl_errors: Mapping[CtlKey, Mapping[CtlError, int]] = field(default_factory=dict)
    """How many of them failed, and how."""
    file_calls: Mapping[ProcessKey, FileCalls] = field(default_factory=dict)
    """Of processes with a loop that gets the same event first again and again, as the last batch tells."""
    looked_ns: int = 0
    """Start of the last census. Of holders, only creators are known for a later time. 0: there was no census."""
    findings: Findings = NO_FINDINGS
    """What is wrong now, the worst first."""
    ended_findings: tuple[Finding, ...] = ()
    """What was, the last of them, in the order of their ends."""
    findings_left_out: int = 0
    """Further ones that there was no room for."""
    judged_s: float | None = None
    """For how long rules were applied; None: they were not."""
    thresholds: Mapping[str, float] | None = None
    """What rules compared with in place of defaults, by name, in the unit of the name; None: that is not known."""
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

    def lives(self, pid: int) -> bool:
        """Whether the process of a pid that was asked for has not ended."""
        return any(row.pid == pid and not row.ended for row in (*self.processes, *self.without_instance))

    @property
    def begin_ns(self) -> int:
        """Boot clock: when the window began."""
        return self.now_ns - round(self.window_s * 1e9)

    @property
    def loops(self) -> tuple[LoopRow, ...]:
        """Of the selected processes."""
        return tuple(loop for row in self.processes for loop in row.loops)

    @property
    def loop_count(self) -> int:
        """How many that are. To count them costs no row, each of which takes 10 us."""
        return sum(len(row.loops) for row in self.processes)

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
