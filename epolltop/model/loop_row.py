"""The row of a loop. It tells what has ended and when the rest began, so it stays as it is while nothing changes."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from epolltop.model.histogram import Histogram
from epolltop.model.instance_key import InstanceKey, instance_id
from epolltop.model.late_look import LateLook
from epolltop.model.loop_activity import LoopCounts, LoopKey, Turn
from epolltop.model.loop_times import NO_PARTS, AwayParts, busy
from epolltop.model.rates import Counted


class Activity(Protocol):
    """What a loop did in a window; durations are in nanoseconds."""

    @property
    def total(self) -> LoopCounts:
        """Since the observation began."""

    @property
    def counted(self) -> Counted[LoopCounts]:
        """The same, with rates over the window."""

    def rise(self, counter: str) -> float:
        """By how much one of the counters rose in the window."""

    @property
    def away_max_ns(self) -> int:
        """The longest time away that ended in it; 0: none did."""

    @property
    def parts(self) -> AwayParts:
        """What these were made of, as far as the kernel tells."""

    @property
    def wake_runq_max_ns(self) -> int:
        """The longest that a thread waited for a CPU after a wait of it was over; 0 likewise."""

    @property
    def poll_delay_max_ns(self) -> int:
        """The most by which a wait exceeded its timeout; 0: none met one."""

    @property
    def is_at_rest(self) -> bool:
        """Nothing happened, or ended."""

    @property
    def waited_ns(self) -> int:
        """In the window, without the wait in progress."""

    @property
    def was_away_ns(self) -> int:
        """In the window, without the time away in progress."""

    @property
    def waiting(self) -> Histogram:
        """Waits that ended in it."""

    @property
    def away(self) -> Histogram:
        """Times away that ended in it."""

    @property
    def poll_delay(self) -> Histogram:
        """By how much waits exceeded their timeouts."""


class KnownActivity(NamedTuple):
    """Implements Activity with what is known already."""

    counted: Counted[LoopCounts]
    waited_ns: int = 0
    was_away_ns: int = 0
    waiting: Histogram = Histogram((), 0)
    away: Histogram = Histogram((), 0)
    poll_delay: Histogram = Histogram((), 0)
    parts: AwayParts = NO_PARTS
    wake_runq_max_ns: int = 0

    def rise(self, counter: str) -> float:
        return self.counted.per_s(counter) * self.counted.over_s

    @property
    def away_max_ns(self) -> int:
        return self.away.largest if self.away.total else 0

    @property
    def poll_delay_max_ns(self) -> int:
        return self.poll_delay.largest if self.poll_delay.total else 0

    @property
    def total(self) -> LoopCounts:
        return self.counted.total

    @property
    def is_at_rest(self) -> bool:
        return not (any(self.counted.rises) or self.waited_ns or self.was_away_ns)


class LoopRow(NamedTuple):
    """A thread, and an instance that it waits on."""

    key: LoopKey
    since_ns: int | None
    """With the file, the identity of the instance; None: it is not known, or no longer there."""
    thread: str
    """Name of the thread; empty if it is not known."""
    did: Activity
    """In the window."""
    turn: Turn | None = None
    """What the thread is in now; None: a turn of another loop, or it is not known."""
    is_elsewhere: bool = False
    """The thread is in a turn of another loop."""
    shared: bool = False
    """Another thread waits on the instance, or did in the window: how long this one is away tells nothing then."""
    unattended_since_ns: int | None = None
    """Of a shared instance, since when none of its threads waits; None while one does."""
    late: LateLook | None = None
    """The last look at it while it was late."""

    @property
    def instance(self) -> str | None:
        """Id of the instance; None if it is not known, or no longer there."""
        return None if self.since_ns is None else instance_id(self.instance_key)

    @property
    def instance_key(self) -> InstanceKey:
        """As of an Instance."""
        return self.key.file, self.since_ns or 0

    @property
    def sampled(self) -> int:
        """1: each wait of the window was measured; n: about one of n."""
        counted = self.did.counted
        waits, unmeasured = counted.per_s("waits"), counted.per_s("unmeasured")
        return max(2, round(waits / max(waits - unmeasured, 1))) if unmeasured else 1

    @property
    def late_now(self) -> LateLook | None:
        """The look of the present time away; None if the loop is not late, or was not looked at."""
        is_now = self.late and self.turn and self.turn.returned_ns == self.late.returned_ns
        return self.late if is_now else None

    @property
    def is_waiting(self) -> bool | None:
        """Whether the thread waits on the instance now; None if that is not known."""
        if self.turn is None:
            return False if self.is_elsewhere else None
        return not self.turn.returned_ns

    @property
    def waiting_since_ns(self) -> int | None:
        """Boot clock: when the present wait began; 0: before the trace; None: it does not wait, or is not known to."""
        return self.turn.entered_ns if self.turn and not self.turn.returned_ns else None

    def lag_ns(self, now_ns: int) -> int | None:
        """How long the thread has been away from the instance, which it waited on last.

        Returns:
            0 while it waits, or is away from another one. None if that is not known, or other threads wait, too.
        """
        known = not self.shared and self.is_waiting is not None
        return self.turn_away_ns(0, now_ns) if known else None

    def turn_waiting_ns(self, begin_ns: int, now_ns: int) -> int:
        """What of the wait in progress lies between these."""
        since_ns = self.waiting_since_ns
        return 0 if since_ns is None else max(0, now_ns - max(since_ns, begin_ns))

    def turn_away_ns(self, begin_ns: int, now_ns: int) -> int:
        """What of the time away in progress lies between these."""
        since_ns = self.turn.returned_ns if self.turn else 0
        return max(0, now_ns - max(since_ns, begin_ns)) if since_ns else 0

    def busy(self, begin_ns: int, now_ns: int) -> float | None:
        """The share that it was away for; None if it neither waited nor was away.

        Args:
            begin_ns: when the window began that the row was made for.
            now_ns: when it ends.
        """
        return busy(self.did.waited_ns, self.did.was_away_ns, self.turn, begin_ns, now_ns)
