"""What loops did, as the probe on waits sums it, and the turn that each is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from epolltop.model.bounds import Name
from epolltop.model.instance_key import TracedKey
from epolltop.model.open_enum import OpenEnum
from epolltop.model.process import ProcessKey


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

    @property
    def traced_key(self) -> TracedKey:
        """That it waits on."""
        return self.file, self.created_ns


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
    unmeasured: int = 0
    """Waits whose times are in no histogram, because only some of the waits of hot loops are measured."""
    slept: int = 0
    """Waits that took longer than 20 us, of those that were measured and did not ask for no wait."""
    away_runq_ns: int = 0
    """Of the time away the thread could run, and waited on a run queue for a CPU: run_delay of /proc/PID/schedstat."""
    wake_runq_ns: int = 0
    """Of the time in those waits the same, after events or the timeout had woken it."""


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
    own_max_ns: int = 0
    """Away without waiting for a CPU: the thread computed or slept."""
    cpu_max_ns: int = 0
    """On a CPU in one time away, to a scheduler tick."""
    away_runq_max_ns: int = 0
    """As away_runq_ns in LoopCounts, in one time away."""
    wake_runq_max_ns: int = 0
    """As wake_runq_ns, in one wait."""

    @property
    def maxima(self) -> Sequence[int]:
        """The members after the buckets."""
        return self[3:]


class ToldTimes(Protocol):
    """The members of LoopTimes, which may be decoded when they are asked for."""

    @property
    def maxima(self) -> Sequence[int]:
        """As in LoopTimes, without a look at the buckets, which takes six times as long."""

    def __iter__(self) -> Iterator[Any]: ...


class WaitCall(OpenEnum):
    """The call by which a thread waits."""

    UNKNOWN = 0
    EPOLL_WAIT = 1
    EPOLL_PWAIT = 2
    EPOLL_PWAIT2 = 3


TIMEOUT_UNKNOWN = -2
"""In place of a timeout."""


class Turn(NamedTuple):
    """The turn that a thread is in. It is listed under the loop of its last wait only."""

    entered_ns: int
    """When the wait began; 0: before the trace. Where no probe sees waits: when it was first seen, it is older."""
    returned_ns: int
    """When it returned; 0: the thread waits."""
    timeout_ns: int | None
    """None: infinite. Below 0: not known."""
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
