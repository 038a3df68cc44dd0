"""A source describes itself: the machine, its probes, and how far its facts go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from msgspec import Meta

from epolltop.model.bounds import NOTES_MAX, Name, Note
from epolltop.model.ctl_activity import CtlCounts, CtlErrors
from epolltop.model.limits import IO_URING_UNSEEN, Limit
from epolltop.model.loop_activity import LoopCounts

SEEN_BY: Mapping[str, str] = {
    "created": "epoll_create",
    "failed": "epoll_create",
    "released": "files_free",
    "sampled_out": "epoll_create",
    "failed_sampled_out": "epoll_create",
    **dict.fromkeys(LoopCounts._fields, "epoll_wait"),
    **dict.fromkeys((*CtlCounts._fields, *CtlErrors._fields), "epoll_ctl"),
}
"""The name of the probe for each counter."""

_OF_RUN_QUEUES = frozenset(("slept", "away_runq_ns", "wake_runq_ns"))
"""Counters that take a kernel which tells how long threads wait on run queues."""

DERIVED_COUNTERS = frozenset(("created", "released"))
"""Counters for which censuses give a lower bound without a probe. Without a probe, others are unknown."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A logical probe and its actual hook."""

    name: Name
    attached_to: Note
    traces: bool
    """False: no hook fires; changes are derived from the difference between two censuses."""


class Host(NamedTuple):
    """The machine that is watched."""

    hostname: Name
    kernel: Name
    machine: Name


@dataclass(frozen=True, slots=True)
class Source:
    """Where the facts of a batch come from and how far they go."""

    kind: Name
    """bpf, proc or replay."""
    host: Host
    probes: Annotated[tuple[Probe, ...], Meta(min_length=1, max_length=NOTES_MAX)]
    census_by: Note
    """How existing instances are found."""
    limits: Annotated[tuple[Limit, ...], Meta(max_length=NOTES_MAX)] = ()
    """Limits of this source here and now; `ONLY_PROC` is among them if a better source could not run."""
    unreadable: int = 0
    """Processes whose descriptors could not be read."""
    events: int = 0
    """Records delivered since the source was opened."""
    lost: int = 0
    """Records that the kernel could not hand over, because they came faster than epolltop read them: loss."""
    sampled_out: int = 0
    """Instances whose events were left out on purpose, above the detail rate: not loss."""
    failed_sampled_out: int = 0
    """Failures whose events were left out on purpose, above the detail rate: not loss."""
    untold_releases: int = 0
    """Releases without an event, of instances older than the trace: above the detail rate, or made outside the PID
    namespace. Only a census tells which instances."""
    overflowed: int = 0
    """Entries refused by a full kernel map: counts of processes, or times of creation of instances, are missing."""
    unattributed: int = 0
    """Of created, failed and released: counted in totals only, because the map of processes was full."""
    missed: int = 0
    """Runs of the probes on creations and releases that the kernel skipped, because a probe was running on that CPU:
    counts may lack as many. For other probes there is a limit."""
    sees_compat: bool = True
    """Whether creations by 32-bit programs are counted like others."""
    sees_run_queues: bool = False
    """Whether it is told how long threads wait on run queues. Early recordings do not have that."""
    stacks_left_out: int = 0
    """Creations without the requested stack, because there were too many different ones."""
    sees_all_releases: bool = True
    """Whether each release has an event or is counted as one without. Otherwise a census decides what has ended."""
    watches_max: int | None = None
    """How many watches one user may have, fs.epoll.max_user_watches; None: it is not known."""

    @property
    def exact(self) -> bool:
        """Whether probes see both creations and releases. Other probes do not matter."""
        return self.sees("created") and self.sees("released")

    def sees(self, counter: str) -> bool:
        """Whether a probe sees what the counter counts. Otherwise it is a lower bound, if it is known at all."""
        return self.traces(SEEN_BY[counter]) and (self.sees_run_queues or counter not in _OF_RUN_QUEUES)

    def traces(self, name: str) -> bool:
        """Whether the probe of that name has a hook that fires; all sources use the same names."""
        return name in [probe.name for probe in self.probes if probe.traces]  # each row asks: any() takes twice this

    @property
    def sees_io_uring(self) -> bool:
        """Whether changes of interest lists that io_uring was asked for are counted like others."""
        return Limit.of(IO_URING_UNSEEN, probe=SEEN_BY["via_io_uring"]) not in self.limits

    def knows(self, counter: str) -> bool:
        """Whether a probe or the census tells anything about the counter."""
        return counter in DERIVED_COUNTERS or self.sees(counter)
