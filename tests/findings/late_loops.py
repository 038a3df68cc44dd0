"""Loops of which a test says how they spent a window."""

from __future__ import annotations

from dataclasses import replace

from epolltop.model.histogram import Histogram
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_row import LoopRow
from epolltop.model.loop_times import AwayParts
from epolltop.model.snapshot import Snapshot
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.rows import instance, loop_row

from .judged import running, traced

MS = 1_000_000


def times(*ms: float) -> Histogram:
    """Of these times."""
    ns = [round(each * MS) for each in ms]
    counts = [0] * 41
    for each in ns:
        counts[each.bit_length()] += 1
    return Histogram(tuple(counts), max(ns, default=0))


def look(doing: Doing = Doing.BLOCKED, *, ago_s: float = 0.5, returned_ns: int = 0, **changes: object) -> LateLook:
    at_ns = NOW_NS - round(ago_s * SECOND_NS)
    made = LateLook(returned_ns, at_ns, doing, "read" if doing is Doing.BLOCKED else None)
    return made._replace(**changes)  # type: ignore[arg-type]


def loop(
    *away_ms: float,
    cpu: float = 0.0,
    runq: float = 0.0,
    late: LateLook | None = None,
    waits_s: float = 30.0,
    **changes: object,
) -> LoopRow:
    """Was away so long in the window, for these shares of it on a CPU and on a run queue; it waits now, as for long.

    Before the window it made one wait a second, for `waits_s` in all.
    """
    away_ns = round(sum(away_ms) * MS)
    longest_ns = max(away_ms, default=0) * MS
    made: dict[str, object] = {
        "away": times(*away_ms),
        "waits": 30 + len(away_ms),
        "away_ns": away_ns,
        "cpu_ns": round(away_ns * cpu),
        "away_runq_ns": round(away_ns * runq),
        "parts": AwayParts(*(round(longest_ns * share) for share in (1 - runq, cpu, runq))),
        "waiting_ns": round(waits_s * SECOND_NS),
        "late": late,
        "poll_delay": times(),
        "slept": 0,
    } | changes
    delay: Histogram = made["poll_delay"]  # type: ignore[assignment]
    made.setdefault("timeouts_met", delay.total)
    made.setdefault("wake_runq_ns", delay.total * delay.largest)
    return loop_row(instance(), **made)  # type: ignore[arg-type]


def over(*rows: LoopRow) -> Snapshot:
    """With these loops of a process in a window of a second, observed for 30."""
    return replace(traced(running(*rows, instances=(instance(),))), observed_s=30.0)
