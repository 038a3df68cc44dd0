"""The fields of a loop. To add a column, add it here: all that shows, sorts, filters or exports rows reads it.

Event loops have had names for these numbers for long: the help of a field names whose definition it has. The field that
takes the rest of the line comes last.
"""

from __future__ import annotations

from epolltop.model.finding import Finding, loop_place
from epolltop.model.loop_activity import WaitCall
from epolltop.model.loop_of import (
    LoopOf,
    away_s,
    busy,
    errors,
    lag_s,
    saw_entry,
    unattended_s,
    waiting_s,
)
from epolltop.model.runtime_of import is_certain, name_of, runtime_of_loop, shown
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field
from epolltop.query.finding_columns import finding_columns
from epolltop.query.instant import seconds_since
from epolltop.query.late_of import briefly
from epolltop.query.loop_values import exactly, largest_s, longest, mean_s, median_and_high, or_none, ratio, total_s
from epolltop.query.run_queue_fields import RUN_QUEUE_FIELDS
from epolltop.query.thresholds import BUSY, LAG_S
from epolltop.query.watch_finder import WATCH_FORMS, watch_finder
from epolltop.query.watch_words import kinds_watched
from epolltop.text.numbers import NOT_APPLICABLE, UNKNOWN, at_least, count, duration, percentage, rate


def _timeout(row: LoopOf) -> str:
    if row.loop.turn and row.loop.turn.timeout_ns is None:
        return "infinite"
    return duration(_timeout_s(row))


def _timeout_s(row: LoopOf) -> float | None:
    turn = row.loop.turn
    return None if turn is None or turn.timeout_ns is None or turn.timeout_ns < 0 else turn.timeout_ns / 1e9


def _call(row: LoopOf) -> str | None:
    call = row.loop.turn.call if row.loop.turn else WaitCall.UNKNOWN
    return call.name.lower() if call else None


def _wait_s(row: LoopOf, snapshot: Snapshot) -> float | None:
    """None: it does not wait, or only a lower bound is known."""
    return _least_wait_s(row, snapshot) if saw_entry(row.loop, snapshot) else None


def _least_wait_s(row: LoopOf, snapshot: Snapshot) -> float | None:
    since_ns = row.loop.waiting_since_ns
    return snapshot.observed_s if since_ns == 0 else seconds_since(since_ns, snapshot)


def _waiting(row: LoopOf, snapshot: Snapshot) -> str:
    if row.loop.is_waiting is None:
        return UNKNOWN
    if not row.loop.is_waiting:
        return NOT_APPLICABLE
    readable = duration(_least_wait_s(row, snapshot))
    return readable if saw_entry(row.loop, snapshot) else at_least(readable)


def _shared(row: LoopOf, snapshot: Snapshot) -> bool | None:
    """/proc may show that others wait, but not that none did."""
    return row.loop.shared or (False if snapshot.source.sees("waits") else None)


def _unattended_s(row: LoopOf, snapshot: Snapshot) -> float | None:
    return unattended_s(row.loop, snapshot) if row.loop.shared else None


def _away_ns(row: LoopOf, snapshot: Snapshot) -> int | None:
    """In the window."""
    loop = row.loop
    away_ns = loop.did.was_away_ns
    if not loop.is_waiting:
        away_ns += loop.turn_away_ns(snapshot.begin_ns, snapshot.now_ns)
    return away_ns if snapshot.window_s else None


def _lag_s(row: LoopOf, snapshot: Snapshot) -> float | None:
    return lag_s(row.loop, snapshot)


_cpu_s = total_s("cpu_ns")
_cpu_per_turn_s = mean_s("cpu_ns", "waits")


def _are_counted(snapshot: Snapshot) -> bool:
    return snapshot.source.knows("waits")


def _are_not_counted(snapshot: Snapshot) -> bool:
    return not _are_counted(snapshot)


def _any_shared(snapshot: Snapshot) -> bool:
    return any(row.loops.any_shared for row in snapshot.processes)


def _any_late(snapshot: Snapshot) -> bool:
    return any(row.loops.any_late for row in snapshot.processes)


def _counter(id: str, title: str, help: str, *, in_json: bool = True) -> Field[LoopOf]:
    return Field(id, title, 7, "count", lambda row, _: row.total(id), help, observed=id, shown=False, in_json=in_json)


def _found(row: LoopOf, snapshot: Snapshot) -> tuple[Finding, ...]:
    return snapshot.findings.by_loop.get(loop_place(row.loop), ())


_LAG = (
    "From the return of a wait to the thread's next wait on any instance (Envoy loop_duration_us, Redis "
    "eventloop_duration)"
)
_IF_NOT_COUNTED = "tables have the column if no probe sees waits"
_COMMAND: Field[LoopOf] = Field(
    "command", "COMMAND", 24, "text", lambda row, _: row.process.command, "Command line of the process.",
    aliases=("cmd",), in_json=False, shown=False,
)  # fmt: skip
LOOP_FIELDS: tuple[Field[LoopOf], ...] = (
    Field("name", "LOOP", 22, "text", lambda row, _: row.name,
          "Name of the thread, process id, and lowest descriptor of the instance that the thread waits on.",
          aliases=("loop",), known=True),
    Field("runtime", "RUNTIME", 9, "text", lambda row, snapshot: name_of(runtime_of_loop(row, snapshot)),
          "What the loop runs on, such as libuv or asyncio; with a ? either the code of the process or how the thread "
          "waits tells that, otherwise both do; see docs/runtimes.md.",
          text=lambda row, snapshot: shown(runtime_of_loop(row, snapshot)), spare=2, in_json=False),
    Field("tid", "TID", 7, "id", lambda row, _: row.loop.key.tid, "Id of the thread.", spare=2, known=True),
    Field("waits_per_s", "WAITS/S", 7, "per_s", lambda row, _: row.per_s("waits"),
          "Waits that returned, per second over the window (libuv loop_count, Redis eventloop_cycles, HAProxy loops).",
          observed="waits", worth=_are_counted),
    Field("events_per_s", "EV/S", 7, "per_s", lambda row, _: row.per_s("events"),
          "Events that waits returned, per second over the window (libuv events, HAProxy poll_io).",
          observed="events", worth=_are_counted),
    Field("events_per_wake", "EV/WAKE", 7, "count", ratio("events", "wakes"),
          "Events per wait that returned any, over the window.", form="number", kind="gauge", observed="events",
          text=or_none(rate, ratio("events", "wakes")), worth=_are_counted, spare=1),
    Field("busy", "BUSY", 6, "share", lambda row, snapshot: busy(row.loop, snapshot),
          "Share of the window that the thread was away from the instance for, with what is in progress (Node "
          "eventLoopUtilization; HAProxy Idle_pct is the rest); rows sort by the time away.", aliases=("elu",),
          observed="away_ns", order=_away_ns, worth=_are_counted,
          severity=lambda row, snapshot: BUSY.of(busy(row.loop, snapshot))),
    Field("lag_now_s", "LAG", 7, "seconds", _lag_s,
          "How long the thread has been away from the instance now, in seconds; 0 while it waits, unknown if several "
          "threads wait on the instance.", aliases=("lag",), json=exactly(_lag_s),
          severity=lambda row, snapshot: LAG_S.of(_lag_s(row, snapshot))),
    Field("doing", "DOING", 18, "text", lambda row, _: briefly(row.loop.late_now) if row.loop.late_now else None,
          "What the thread does that has been away for long: on_cpu, runnable, throttled, page_fault, stopped, or "
          "blocked, in which system call, of what; tables have the column only if a loop is late.",
          text=lambda row, _: briefly(row.loop.late_now) if row.loop.late_now else NOT_APPLICABLE,
          worth=_any_late, spare=1, in_json=False),
    Field("away", "AWAY", 12, "seconds", lambda row, _: row.loop.did.away,
          f"{_LAG}: median and 99th percentile of the window.", observed="away_ns",
          text=median_and_high(lambda times: times.away), kind="histogram", worth=_are_counted,
          json_help=f"{_LAG}, over the window; upper bounds of buckets, and how many there were in each."),
    Field("away_max_s", "LONGEST", 7, "seconds", largest_s(lambda times: times.away),
          "The longest time away that ended in the window, in seconds.", observed="away_ns", in_json=False,
          text=longest(largest_s(lambda times: times.away)), worth=_are_counted, spare=1),
    Field("waiting", "WAIT", 12, "seconds", lambda row, _: row.loop.did.waiting,
          "How long waits took that ended in the window: median and 99th percentile.", observed="waiting_ns",
          text=median_and_high(lambda times: times.waiting), kind="histogram", shown=False,
          json_help="How long waits took that ended in the window; likewise."),
    Field("waiting_max_s", "MAXWAIT", 7, "seconds", largest_s(lambda times: times.waiting),
          "The longest wait that ended in the window, in seconds.", observed="waiting_ns", in_json=False,
          text=longest(largest_s(lambda times: times.waiting)), shown=False),
    Field("poll_delay", "DELAY", 12, "seconds", lambda row, _: row.loop.did.poll_delay,
          "By how much waits exceeded their timeout, which is the scheduler's delay (Envoy poll_delay_us): median and "
          "99th percentile of the window.", observed="timeouts_met",
          text=median_and_high(lambda times: times.poll_delay), kind="histogram", shown=False,
          json_help="By how much waits exceeded their timeout, over the window; likewise."),
    Field("waiting_now_s", "WAITNOW", 8, "seconds", _wait_s,
          "How long the present wait has lasted, in seconds; a lower bound if no probe saw it begin.",
          text=_waiting, least=_least_wait_s, order=_least_wait_s, in_json=False, spare=2),
    Field("idle_per_s", "IDLE/S", 7, "per_s", lambda row, _: row.per_s("timeouts_met"),
          "Waits that returned nothing because their timeout was over, per second (HAProxy poll_exp).",
          observed="timeouts_met", worth=_are_counted, spare=2),
    Field("zero_share", "ZERO", 6, "share", ratio("zero_timeouts", "waits"),
          "Share of the waits that asked not to wait at all, over the window (the rest is Traffic Server's "
          "eventloop.wait).", observed="zero_timeouts", text=or_none(percentage, ratio("zero_timeouts", "waits")),
          worth=_are_counted, spare=2),
    Field("cpu_share", "CPU", 6, "share", ratio("cpu_ns", "away_ns"),
          "CPU time of the thread in turns that ended in the window, as a share of its time away in them: below 100% "
          "it waited for something else.", observed="cpu_ns", text=or_none(percentage, ratio("cpu_ns", "away_ns")),
          worth=_are_counted, spare=2),
    *RUN_QUEUE_FIELDS,
    Field("cpu_per_turn_s", "CPU/TURN", 8, "seconds",
          _cpu_per_turn_s,
          "CPU time of the thread per wait and time away after it, in seconds.", observed="cpu_ns", shown=False,
          json=exactly(_cpu_per_turn_s)),
    Field("eintr_per_s", "EINTR/S", 7, "per_s", lambda row, _: row.per_s("interrupted"),
          "Waits that a signal ended, per second over the window.", observed="interrupted", shown=False),
    Field("errors", "ERRORS", 12, "count", lambda row, _: sum(errors(row).values()),
          "Waits that failed since the observation began, by error; EINTR among them.",
          text=lambda row, _: ", ".join(f"{name} {count(number)}" for name, number in errors(row).items())
          or NOT_APPLICABLE, observed="interrupted", json=lambda row, _: errors(row), form="evidence", shown=False,
          json_help="How many waits failed since the observation began, by the name of the error."),
    Field("maxevents", "MAXEV", 6, "count", lambda row, _: row.loop.turn.maxevents if row.loop.turn else None,
          f"Most events that the last wait asked for; {_IF_NOT_COUNTED}.", kind="gauge",
          worth=_are_not_counted, spare=2, json_help="Most events that the last wait asked for."),
    Field("timeout_s", "TIMEOUT", 8, "seconds", lambda row, _: _timeout_s(row),
          f"Timeout that the last wait asked for, in seconds; {_IF_NOT_COUNTED}.", text=lambda row, _: _timeout(row),
          worth=_are_not_counted, spare=1,
          json=lambda row, _: -1 if row.loop.turn and row.loop.turn.timeout_ns is None else _timeout_s(row),
          signed=True, json_help="Timeout that the last wait asked for, in seconds; -1: it was infinite."),
    Field("call", "CALL", 12, "text", lambda row, _: _call(row),
          f"System call that the thread waits by; {_IF_NOT_COUNTED}.", worth=_are_not_counted, spare=1,
          text=lambda row, _: _call(row) or UNKNOWN, json_help="System call that the thread waits by."),
    Field("unattended_s", "NOBODY", 7, "seconds", _unattended_s,
          "How long none of several threads has waited on the instance now, in seconds; 0 while one does; tables have "
          "the column only if an instance is shared.",
          applies=lambda row, _: row.loop.shared,
          worth=_any_shared, spare=1, json=exactly(_unattended_s)),
    Field("shared", "SHARED", 6, "text", _shared,
          "Whether other threads wait on the instance, too: yes or no.", shown=False, form="truth",
          json_help="Whether other threads wait on the instance, too, or did in the window."),
    _counter("waits", "WAITS", "Waits that returned since the observation began."),
    _counter("wakes", "WAKES", "Waits that returned events since then."),
    _counter("events", "EVENTS", "Events that they returned."),
    Field("slept", "SLEPT", 7, "count", lambda row, _: row.total("slept"),
          "Waits with a timeout or without end that took longer than 20 us, since the observation began.",
          observed="slept", young=True, shown=False),
    _counter("full", "FULL", "Waits that returned as many events as they asked for, if that were 8 or more."),
    _counter("zero_timeouts", "ZEROES", "Waits that asked not to wait at all.", in_json=False),
    _counter("finite_timeouts", "FINITE", "Waits with a timeout.", in_json=False),
    _counter("infinite_timeouts", "INF", "Waits without a timeout.", in_json=False),
    _counter("timeouts_met", "MET", "Waits that returned nothing because their timeout was over.", in_json=False),
    _counter("zero_empty", "EMPTY", "Waits that asked not to wait, and returned nothing.", in_json=False),
    _counter("early", "EARLY", "Waits that returned nothing more than a millisecond before their timeout (Netty calls "
             "it premature).", in_json=False),
    Field("waiting_s", "WAITED", 8, "seconds", waiting_s,
          "Time in waits since the observation began, the present one included, in seconds.", kind="counter",
          observed="waiting_ns", json=exactly(waiting_s), shown=False),
    Field("away_s", "AWAYTIME", 8, "seconds", away_s,
          "Time away since the observation began, the present absence included, in seconds.", kind="counter",
          observed="away_ns", json=exactly(away_s), shown=False),
    Field("cpu_away_s", "CPUTIME", 8, "seconds", _cpu_s,
          "CPU time of the thread in its turns since the observation began, in seconds.", kind="counter",
          observed="cpu_ns", json=exactly(_cpu_s), shown=False),
    Field("pid", "PID", 7, "id", lambda row, _: row.process.pid, "Process id of the thread.", shown=False,
          in_json=False),
    Field("fd", "FD", 5, "id", lambda row, _: row.fd, "Lowest descriptor of the process for the instance.",
          shown=False, in_json=False),
    Field("thread", "THREAD", 15, "text", lambda row, _: row.loop.thread or None, "Name of the thread.", shown=False),
    Field("process", "PROCESS", 15, "text", lambda row, _: row.process.name, "Name of the process.", aliases=("comm",),
          shown=False, in_json=False),
    Field("user", "USER", 8, "text", lambda row, _: row.process.user, "User that the process runs as.", shown=False,
          in_json=False),
    Field("container", "CONTAINER", 12, "text", lambda row, _: row.process.facts.container,
          "Id of the container that the process is in.", shown=False, in_json=False),
    Field("instance", "INSTANCE", 24, "text", lambda row, _: row.loop.instance,
          "Name of the instance: its kernel address, and the nanosecond since boot when it was created or found.",
          shown=False, in_json=False),
    Field("stale", "STALE", 5, "count", lambda row, _: row.interest and row.interest.stale,
          "Watches of its instance whose descriptor was closed, or is another file by now; read where it is asked for.",
          kind="gauge", of_watches=True, shown=False, in_json=False),
    Field("watch", "WATCH", 24, "text", lambda row, _: row.interest and kinds_watched([row.interest]),
          f"What its instance watches: how many targets of each kind; read where it is asked for; {WATCH_FORMS}",
          of_watches=True, finds=watch_finder(lambda row: [row.interest]), shown=False, in_json=False),
    Field("runtime_certain", "SURE", 5, "text", lambda row, snapshot: is_certain(runtime_of_loop(row, snapshot)),
          "Whether both tell the runtime: yes or no.", shown=False, in_json=False),
    *finding_columns(
        _found, _COMMAND, command_of="the command line of the process",
        then_by="the time away", order=lambda row, snapshot: _away_ns(row, snapshot) or 0,
    ),
)  # fmt: skip
