"""The fields that tell how long a loop waits for a CPU, and so what it does itself while it is away.

The kernel counts for each thread how long it has waited on run queues: `run_delay` of /proc/PID/schedstat, and what
runqlat and `perf sched` measure.
"""

from __future__ import annotations

from collections.abc import Callable

from epolltop.model.loop_of import LoopOf
from epolltop.model.loop_times import AwayParts
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field
from epolltop.query.loop_values import exactly, longest, mean_s, or_none, ratio, total_s
from epolltop.text.numbers import UNKNOWN, at_least, duration, percentage


def _part_s(get: Callable[[AwayParts], int]) -> Callable[[LoopOf, Snapshot], float | None]:
    """None: no time away ended in the window, or it is not known what the longest were made of."""
    return lambda row, _: get(parts) / 1e9 if (parts := row.loop.did.parts).own_ns else None


_own_max_s = _part_s(lambda parts: parts.own_ns)
_cpu_max_s = _part_s(lambda parts: parts.cpu_ns)
runq_max_s = _part_s(lambda parts: parts.runq_ns)
_of_away = ratio("away_runq_ns", "away_ns")
_wake_delay_s = mean_s("wake_runq_ns", "slept")
_runq_away_s = total_s("away_runq_ns")
_runq_wake_s = total_s("wake_runq_ns")


def runq_share(row: LoopOf, snapshot: Snapshot) -> float | None:
    """None: no time away ended in the window, or only some were measured."""
    return _of_away(row, snapshot) if row.loop.sampled == 1 else None


def wake_delay_max_s(row: LoopOf, _: Snapshot) -> float | None:
    """None: it never slept, or waited for a CPU and it is not known for how long at most."""
    most_ns = row.loop.did.wake_runq_max_ns
    return most_ns / 1e9 if row.per_s("slept") and (most_ns or not row.per_s("wake_runq_ns")) else None


_share_in_words = or_none(percentage, runq_share)


def _runq(row: LoopOf, snapshot: Snapshot) -> str:
    """Of a sampled loop: it may have waited in turns that were not measured."""
    return UNKNOWN if row.loop.sampled > 1 else _share_in_words(row, snapshot)


def _most(get: Callable[[LoopOf, Snapshot], float | None]) -> Callable[[LoopOf, Snapshot], str]:
    """Of a sampled loop a lower bound."""

    def text(row: LoopOf, snapshot: Snapshot) -> str:
        seconds = get(row, snapshot)
        return at_least(duration(seconds)) if row.loop.sampled > 1 and seconds is not None else duration(seconds)

    return text


def _sees_run_queues(snapshot: Snapshot) -> bool:
    return snapshot.source.knows("away_runq_ns")


RUN_QUEUE_FIELDS: tuple[Field[LoopOf], ...] = (
    Field("runq_share", "RUNQ", 6, "share", runq_share,
          "Share of the time away that the thread waited on a run queue for a CPU although it could run, in turns that "
          "ended in the window (run_delay of schedstat; runqlat).",
          observed="away_runq_ns", young=True, text=_runq, worth=_sees_run_queues, spare=2),
    Field("own_max_s", "OWN", 7, "seconds", _own_max_s,
          "The most time that the thread computed or slept in one time away that ended in the window, in seconds.",
          observed="away_runq_ns", young=True, json=exactly(_own_max_s), text=_most(_own_max_s), shown=False),
    Field("cpu_max_s", "CPUMAX", 7, "seconds", _cpu_max_s,
          "The most CPU time that the thread used in one time away that ended in the window, in seconds.",
          observed="away_runq_ns", young=True, json=exactly(_cpu_max_s), text=_most(_cpu_max_s), shown=False),
    Field("runq_max_s", "RUNQMAX", 7, "seconds", runq_max_s,
          "The longest that the thread waited for a CPU in one time away that ended in the window, in seconds.",
          observed="away_runq_ns", young=True, json=exactly(runq_max_s), text=_most(runq_max_s), shown=False),
    Field("wake_delay_s", "WAKELATE", 8, "seconds", _wake_delay_s,
          "How long the thread waited for a CPU after events or a timeout had woken it, in seconds: the mean of waits "
          "that it slept in and that ended in the window (runqlat).", observed="wake_runq_ns", young=True,
          json=exactly(_wake_delay_s), text=or_none(duration, _wake_delay_s), shown=False),
    Field("wake_delay_max_s", "WAKEMAX", 8, "seconds", wake_delay_max_s,
          "The longest that the thread waited for a CPU after events or a timeout had woken it, in the window, "
          "in seconds.", observed="wake_runq_ns", young=True, json=exactly(wake_delay_max_s),
          text=longest(wake_delay_max_s), shown=False),
    Field("runq_away_s", "RUNQTIME", 8, "seconds", _runq_away_s,
          "How long the thread waited for a CPU while it was away, since the observation began, in seconds.",
          kind="counter", observed="away_runq_ns", young=True, json=exactly(_runq_away_s), shown=False),
    Field("runq_wake_s", "WAKETIME", 8, "seconds", _runq_wake_s,
          "How long the thread waited for a CPU after events or timeouts had woken it, since the observation began, in "
          "seconds.",
          kind="counter", observed="wake_runq_ns", young=True, json=exactly(_runq_wake_s), shown=False),
)  # fmt: skip
