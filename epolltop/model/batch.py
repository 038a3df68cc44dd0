"""The records of observation: a source yields a batch of them each tick.

Times named ``*_ns`` are nanoseconds of the boot clock (CLOCK_BOOTTIME), which goes on during suspend; ``wall_ns`` is
nanoseconds since the epoch. Counts are cumulative since the source was opened. Names are text already made safe
(`epolltop.text.safe`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from epolltop.model.bounds import (
    FRAMES_MAX,
    NOTES_MAX,
    STANDING,
    USERS_MAX,
    Frame,
    Name,
    Nanoseconds,
    Note,
    Text,
    Ticks,
)
from epolltop.model.limits import Limit

NS_PER_TICK = 10_000_000
"""A clock tick as /proc counts them: USER_HZ is 100 wherever BPF runs."""


class ProcessKey(NamedTuple):
    """A process, safe against reuse of its pid."""

    pid: int
    """Thread group id."""
    start: Ticks
    """Start of the group leader in clock ticks since boot, field 22 of /proc/PID/stat; 0 if unknown."""


class Kind(enum.IntEnum):
    """What happened to an instance. The first three come from probes (bpf/wire.h), the others from a census."""

    CREATE = 1
    CREATE_FAILED = 2
    RELEASE = 3
    FOUND = 4
    """A census shows an instance that no event announced."""
    GONE = 5
    """A census no longer shows an instance whose release no event announced."""


class Syscall(enum.IntEnum):
    """The call that created an instance."""

    UNKNOWN = 0
    EPOLL_CREATE = 1
    EPOLL_CREATE1 = 2

    @classmethod
    def _missing_(cls, value: object) -> Syscall:
        """A recording may come from a later epolltop, which knows more calls."""
        return cls.UNKNOWN


class Event(NamedTuple):
    """One creation, failed creation or release.

    The actor (pid to name) is the task in whose context it happened: for a release, the one that dropped the last
    reference.
    """

    kind: Kind
    time_ns: int
    file: int
    """Address of the kernel's struct file: names the instance while it lives. 0 if unknown."""
    created_ns: int
    """Of the instance; 0 if it is older than the trace."""
    pid: int
    tid: int
    ppid: int
    uid: int | None
    start: Ticks
    """Of the actor, as in ProcessKey."""
    cgroup: int
    """Id of the actor's cgroup (v2); 0 if unknown."""
    name: Name
    """Of the acting thread."""
    fd: int | None
    """That creation returned."""
    errno: int
    """0, or why creation failed."""
    syscall: Syscall
    argument: int | None
    """size of epoll_create, flags of epoll_create1; None if not seen."""
    by_kernel: bool
    """The actor is a kernel thread (descriptors in flight are dropped by one)."""
    by_census: bool = False
    """The census, or another program that looked, held the last reference for a moment: pid and start are the
    creator's, and who closed it is not known."""
    since_ns: int = 0
    """With file, the identity of the instance: its creation, else when it was first seen. 0 if unknown."""
    stack: Annotated[tuple[Frame, ...], Meta(max_length=FRAMES_MAX)] = ()
    """For a creation: the actor's user stack as readable frames, innermost first; empty if not taken or not known."""

    @property
    def process(self) -> ProcessKey:
        """The process that acted."""
        return ProcessKey(self.pid, self.start)

    @property
    def instance(self) -> str | None:
        """Id of the instance it is about; None if it is not known which."""
        return instance_id(self.file, self.since_ns) if self.file and self.since_ns else None

    @property
    def lifetime_ns(self) -> int | None:
        """From creation to release; None unless both were seen."""
        return self.time_ns - self.created_ns if self.kind is Kind.RELEASE and self.created_ns else None


def instance_id(file: int, since_ns: int) -> str:
    """The id of an instance: stable for as long as it lives, and never used again."""
    return f"{file:x}@{since_ns}"


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


class Counts(NamedTuple):
    """What one process did since the source was opened."""

    created: int = 0
    failed: int = 0
    released: int = 0
    sampled_out: int = 0
    """Instances created above the detail rate: counted, but without an event."""
    failed_sampled_out: int = 0
    """Failures above the detail rate: counted, but without an event."""


class LoopKey(NamedTuple):
    """A loop: a thread, and an instance that it waits on."""

    file: int
    """As in Event; 0 if the descriptor names no instance."""
    created_ns: int
    """Of the instance; 0 if it is older than the trace."""
    process: ProcessKey
    tid: int
    thread_start_ns: int
    """To a clock tick, as /proc tells it. With the tid, the identity of the thread."""


class LoopCounts(NamedTuple):
    """What one loop did since the source was opened.

    A turn of a loop is a wait and the time away after it, until the thread's next wait on any instance.
    """

    waits: int = 0
    """Calls of epoll_wait, epoll_pwait and epoll_pwait2 that returned."""
    events: int = 0
    """That they returned, in all."""
    wakes: int = 0
    """Waits that returned events."""
    full: int = 0
    """Waits that returned as many events as they asked for, and asked for at least 8."""
    zero_timeouts: int = 0
    """Waits that asked for no wait at all."""
    finite_timeouts: int = 0
    infinite_timeouts: int = 0
    timeouts_met: int = 0
    """Waits with a finite timeout that returned nothing, no sooner than a millisecond before it."""
    zero_empty: int = 0
    """Waits without a wait that returned nothing."""
    early: int = 0
    """Waits that returned nothing, more than a millisecond before their timeout."""
    interrupted: int = 0
    """Waits that a signal ended: EINTR."""
    bad_descriptor: int = 0
    """EBADF."""
    invalid: int = 0
    """EINVAL."""
    bad_address: int = 0
    """EFAULT."""
    other_errors: int = 0
    waiting_ns: int = 0
    """Time in waits that were timed: those that began before the trace are not."""
    away_ns: int = 0
    """Time away after them."""
    cpu_ns: int = 0
    """CPU time of the thread in its turns, to a scheduler tick each."""


TIME_BUCKETS = 28
"""Of durations. The first is below 1,024 ns, each further one ends at twice as much, and the last has no end."""


class LoopTimes(NamedTuple):
    """How long one loop waited and was away. Histograms since the source was opened, maxima since the last batch."""

    waiting: tuple[int, ...] = ()
    """Waits by duration, TIME_BUCKETS of them."""
    away: tuple[int, ...] = ()
    """Times away by duration, TIME_BUCKETS of them."""
    poll_delay: tuple[int, ...] = ()
    """By how much waits that met their timeout came back after it."""
    waiting_max_ns: int = 0
    away_max_ns: int = 0
    poll_delay_max_ns: int = 0


class WaitCall(enum.IntEnum):
    """The call by which a thread waits."""

    UNKNOWN = 0
    EPOLL_WAIT = 1
    EPOLL_PWAIT = 2
    EPOLL_PWAIT2 = 3

    @classmethod
    def _missing_(cls, value: object) -> WaitCall:
        """A recording may come from a later epolltop, which knows more calls."""
        return cls.UNKNOWN


class Turn(NamedTuple):
    """The turn that a thread is in. It is listed under the loop of its last wait only."""

    entered_ns: int
    """When the wait began; 0: before the trace."""
    returned_ns: int
    """When it returned; 0: the thread waits."""
    timeout_ns: int | None
    """None: infinite."""
    maxevents: int
    call: WaitCall
    name: Name
    """Of the thread."""
    run: int = 0
    """Waits in a row that returned within 20 us."""
    hot_data: int | None = None
    """Of the first event that the last of them returned, its data; None unless the run is long."""
    hot_mask: int = 0
    """Its events."""
    hot_run: int = 0
    """How many waits in a row returned it first."""


class CtlOperation(enum.IntEnum):
    """What epoll_ctl was asked for, as the kernel numbers it."""

    UNKNOWN = 0
    """Something else, which the kernel refuses."""
    ADD = 1
    DEL = 2
    MOD = 3

    @classmethod
    def _missing_(cls, value: object) -> CtlOperation:
        """A recording may come from a later epolltop, which knows more operations."""
        return cls.UNKNOWN


class CtlKey(NamedTuple):
    """Who changed which interest list."""

    file: int
    """As in Event."""
    created_ns: int
    """Of the instance; 0 if it is older than the trace."""
    process: ProcessKey


class CtlCounts(NamedTuple):
    """Calls of epoll_ctl by one process for one instance since the source was opened, and requests for io_uring.

    They do not tell how many watches there are: the kernel removes those of closed files without a call.
    """

    add: int = 0
    """Calls, whatever they returned."""
    mod: int = 0
    delete: int = 0
    via_io_uring: int = 0
    """Of all three."""
    readd: int = 0
    """Additions of a watch within a second of its removal."""


class CtlErrorKey(NamedTuple):
    """Of calls of epoll_ctl, how they failed."""

    of: CtlKey
    operation: CtlOperation
    errno: int

    @property
    def process(self) -> ProcessKey:
        """Who called."""
        return self.of.process


class CtlErrors(NamedTuple):
    """Calls that failed in one way."""

    errors: int = 0


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


DERIVED_COUNTERS = frozenset(("created", "released"))
"""Counters for which censuses give a lower bound without a probe. Without a probe, others are unknown."""


class Totals(NamedTuple):
    """What all processes did since the source was opened; released includes kernel threads."""

    created: int = 0
    failed: int = 0
    released: int = 0
    released_by_kernel: int = 0


class Process(NamedTuple):
    """What /proc says about one process."""

    key: ProcessKey
    ppid: int | None
    name: Name
    command: Text
    uid: int | None
    user: Name | None
    cgroup: Text | None
    fds: int | None
    """Open descriptors; None if it may not be read."""
    fd_limit: int | None
    """Soft RLIMIT_NOFILE; None if unlimited or unreadable."""
    container: Name | None = None
    """Id of the innermost container, or its name with runtimes without ids; None if its cgroup names no container."""
    ns_pid: int | None = None
    """The pid of the process in its own PID namespace; equal to its pid if epolltop observes from that namespace."""
    compat: bool = False
    """Whether it is known to run a 32-bit program on a 64-bit kernel."""
    command_bytes: int | None = None
    """Length of the whole command line, of which `command` may be the beginning; None if not known."""
    command_truncated: bool = False
    threads: int | None = None
    """How many it has; None if not known."""


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
    stacks_left_out: int = 0
    """Creations without the requested stack, because there were too many different ones."""
    sees_all_releases: bool = True
    """Whether each release has an event or is counted as one without. Otherwise a census decides what has ended."""

    @property
    def exact(self) -> bool:
        """Whether probes see both creations and releases. Other probes do not matter."""
        return self.sees("created") and self.sees("released")

    def sees(self, counter: str) -> bool:
        """Whether a probe sees what the counter counts. Otherwise it is a lower bound, if it is known at all."""
        return self.traces(SEEN_BY[counter])

    def traces(self, name: str) -> bool:
        """Whether the probe of that name has a hook that fires; all sources use the same names."""
        return any(probe.name == name and probe.traces for probe in self.probes)

    def knows(self, counter: str) -> bool:
        """Whether a probe or the census tells anything about the counter."""
        return counter in DERIVED_COUNTERS or self.sees(counter)


class Cost(NamedTuple):
    """What epolltop itself has used."""

    cpu_ns: int
    rss_bytes: int


class CounterTable(NamedTuple):
    """A member of a batch that probes count in the kernel: records of counters by key, whole each time."""

    none: Any
    """The record of what did nothing."""
    process_of: Callable[[Any], ProcessKey]
    """The process whose activity is counted under a key."""


def _its_own(key: ProcessKey) -> ProcessKey:
    return key


def _table(record: Any, process_of: Callable[[Any], ProcessKey] = _its_own) -> Any:
    return field(default_factory=dict, metadata={"table": CounterTable(record(), process_of)})


@dataclass(frozen=True, slots=True)
class Batch:
    """All facts of one tick."""

    since_ns: Nanoseconds
    """When counting began."""
    now_ns: Nanoseconds
    wall_ns: Nanoseconds
    source: Source
    cost: Cost
    events: Sequence[Event] = ()
    counts: Mapping[ProcessKey, Counts] = _table(Counts)
    """Complete each time: a missing process has not acted, or is no longer kept."""
    loops: Mapping[LoopKey, LoopCounts] = _table(LoopCounts, attrgetter("process"))
    """Whole each time, too."""
    loop_times: Mapping[LoopKey, LoopTimes] = field(default_factory=dict)
    """Of those loops, as far as they are measured."""
    turns: Mapping[LoopKey, Turn] = field(default_factory=dict)
    """Of threads that wait or waited: where each is now."""
    ctl: Mapping[CtlKey, CtlCounts] = _table(CtlCounts, attrgetter("process"))
    ctl_errors: Mapping[CtlErrorKey, CtlErrors] = _table(CtlErrors, attrgetter("process"))
    totals: Totals = field(default_factory=Totals)
    census: Census | None = None
    """None: not taken in this tick."""
    processes: Mapping[ProcessKey, Process] = field(default_factory=dict)
    """Of every holder and actor still alive."""
    users: Annotated[Mapping[int, Name], Meta(max_length=USERS_MAX)] = field(default_factory=dict)
    """Names by uid, of those that acted in this tick and were gone before they could be read."""
    watches: Mapping[int, int] = field(default_factory=dict)
    """Length of the interest list by file, for those that were read in this tick."""


TABLES: Mapping[str, CounterTable] = {
    each.name: each.metadata["table"] for each in fields(Batch) if "table" in each.metadata
}
"""The tables of a batch, by member."""


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
