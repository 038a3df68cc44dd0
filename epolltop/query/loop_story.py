"""A loop as a person tells it: labelled lines, with its times as histograms."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model.finding import loop_place
from epolltop.model.histogram import Histogram
from epolltop.model.loop_of import LoopOf, busy, errors, saw_entry, unattended_s
from epolltop.model.snapshot import Snapshot
from epolltop.query.finding_story import found_lines
from epolltop.query.instant import seconds_since
from epolltop.query.interest_story import interest_lines
from epolltop.query.late_of import did, next_command
from epolltop.query.run_queue_fields import runq_max_s, runq_share, wake_delay_max_s
from epolltop.query.story import StoryLine
from epolltop.text.glyphs import bar
from epolltop.text.numbers import UNKNOWN, at_least, duration, grouped, percentage, plural, rate, timestamp

_BAR_CELLS = 24


def loop_story(row: LoopOf, snapshot: Snapshot) -> list[StoryLine]:
    """Where the thread is now, how it waited and was away in the window, and what its waits asked for."""
    return list(_lines(row, snapshot))


def _lines(row: LoopOf, snapshot: Snapshot) -> Iterator[StoryLine]:
    yield None, f"event loop {row.name}"
    yield from found_lines(snapshot.findings.by_loop.get(loop_place(row.loop), ()))
    yield "thread", f"{row.loop.key.tid} ({row.thread}) of {row.process.command or row.process.name}"
    yield "instance", row.loop.instance or "not known, or no longer open"
    yield "now", "; ".join(_now(row, snapshot))
    yield from _late(row, snapshot)
    if not snapshot.source.sees("waits"):
        yield from _watches(row)
        return
    if snapshot.window_s:
        yield "busy", _busy(row, snapshot)
        yield "waits", _waits(row)
        yield "CPU", _cpu(row, snapshot)
        yield from _run_queue(row, snapshot)
    yield "timeouts", _timeouts(row)
    yield "errors", ", ".join(f"{name} {grouped(count)}" for name, count in errors(row).items()) or "none"
    if snapshot.window_s:
        yield from _histogram("time away", row.loop.did.away, snapshot)
        yield from _histogram("time waiting", row.loop.did.waiting, snapshot)
    yield from _watches(row)


def _watches(row: LoopOf) -> Iterator[StoryLine]:
    if row.instance and row.instance.interest:
        yield from interest_lines(row.instance)


def _now(row: LoopOf, snapshot: Snapshot) -> Iterator[str]:
    loop = row.loop
    if loop.turn is None:
        yield "waits on another instance, or is away from it" if loop.is_elsewhere else UNKNOWN
    elif loop.is_waiting:
        yield _waiting(row, snapshot)
    else:
        yield f"away for {_since(loop.turn.returned_ns, snapshot)}"
        if loop.late_now:
            yield did(loop.late_now)
    if loop.shared:
        nobody_s = unattended_s(loop, snapshot)
        yield "several threads wait on the instance" + (f", none of them for {duration(nobody_s)}" if nobody_s else "")


def _late(row: LoopOf, snapshot: Snapshot) -> Iterator[StoryLine]:
    """What tells more of a time away that is long, or was."""
    late = row.loop.late
    if late is None:
        return
    if row.loop.late_now is None:
        away = at_least(duration((late.at_ns - late.returned_ns) / 1e9))
        yield "was late", f"away for {away} at {timestamp(snapshot.wall_of(late.at_ns))}; {did(late)} then"
    for number, frame in enumerate(late.stack):
        yield "" if number else "stack", frame
    if command := next_command(row):
        yield "look with", command


def _waiting(row: LoopOf, snapshot: Snapshot) -> str:
    turn = row.loop.turn
    assert turn is not None, "it waits"
    since = f"for {_since(turn.entered_ns, snapshot)}"
    if not turn.entered_ns:
        since = f"for {at_least(duration(snapshot.observed_s))}, since before epolltop could see it"
    elif not saw_entry(row.loop, snapshot):
        since = f"for {at_least(duration(seconds_since(turn.entered_ns, snapshot)))}, since before it was first seen"
    timeout = "without a timeout" if turn.timeout_ns is None else f"with a timeout of {duration(turn.timeout_ns / 1e9)}"
    timeout = "with a timeout that is not known" if (turn.timeout_ns or 0) < 0 else timeout
    call = f" in {turn.call.name.lower()}" if turn.call else ""
    return f"waits{call} {since}, {timeout}, for at most {plural(turn.maxevents, 'event')}"


def _since(at_ns: int, snapshot: Snapshot) -> str:
    return f"{duration(seconds_since(at_ns, snapshot))}, since {timestamp(snapshot.wall_of(at_ns))}"


def _busy(row: LoopOf, snapshot: Snapshot) -> str:
    share, loop, window = busy(row.loop, snapshot), row.loop, (snapshot.begin_ns, snapshot.now_ns)
    if share is None:
        return UNKNOWN
    away, waiting = (
        loop.did.was_away_ns + loop.turn_away_ns(*window),
        loop.did.waited_ns + loop.turn_waiting_ns(*window),
    )
    return f"{percentage(share)}: away for {duration(away / 1e9)} of the window, waiting for {duration(waiting / 1e9)}"


def _waits(row: LoopOf) -> str:
    told = [f"{rate(row.per_s('waits'))} a second", f"{rate(row.per_s('events'))} events a second"]
    if wakes := row.per_s("wakes"):
        told.append(f"{rate(row.per_s('events') / wakes)} events a wake")
    if met := row.per_s("timeouts_met"):
        told.append(f"{rate(met)} a second ended by their timeout, without events")
    return ", ".join(told)


def _cpu(row: LoopOf, snapshot: Snapshot) -> str:
    """Of turns that ended in the window."""
    waits, away, cpu = (row.per_s(counter) for counter in ("waits", "away_ns", "cpu_ns"))
    if not (waits and away):
        return "no turn ended in the window"
    told = f"{duration(cpu / waits / 1e9)} a turn, {percentage(cpu / away)} of the time away"
    share = runq_share(row, snapshot) if snapshot.source.knows("away_runq_ns") else None
    return told if share is None else f"{told}; for {percentage(share)} it waited for a CPU"


def _run_queue(row: LoopOf, snapshot: Snapshot) -> Iterator[StoryLine]:
    """How late the scheduler was."""
    if not (snapshot.source.knows("wake_runq_ns") and row.per_s("waits")):
        return
    times_s = ((runq_max_s(row, snapshot), "in one time away"), (wake_delay_max_s(row, snapshot), "after it was woken"))
    if told := [f"{duration(seconds)} {when}" for seconds, when in times_s if seconds is not None]:
        bound = "most" if row.loop.sampled == 1 else "least"
        yield "run queue", f"waited for a CPU for at {bound} {', '.join(told)}"


def _timeouts(row: LoopOf) -> str:
    kinds = (("zero_timeouts", "zero"), ("finite_timeouts", "finite"), ("infinite_timeouts", "infinite"))
    asked = ", ".join(f"{name} {grouped(row.total(counter))}" for counter, name in kinds if row.total(counter))
    met = f"; {grouped(row.total('timeouts_met'))} were met" if row.total("timeouts_met") else ""
    return f"{asked}{met}" if asked else UNKNOWN


def _histogram(what: str, times: Histogram, snapshot: Snapshot) -> Iterator[StoryLine]:
    """A line for each power of two from the shortest to the longest."""
    used = [n for n, count in enumerate(times.counts) if count]
    number = f"{grouped(times.total)} in the last {duration(snapshot.window_s)}"
    yield None, f"{what}: {number}" + (f", the longest {duration(times.largest / 1e9)}" if used else "")
    top = max(times.counts, default=0)
    for n in range(used[0], used[-1] + 1) if used else ():
        count = times.counts[n]
        yield f"< {duration((1 << n) / 1e9)}", f"{bar(count / top, _BAR_CELLS)} {grouped(count)}" if count else ""
