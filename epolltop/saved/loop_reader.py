"""The loops of a snapshot file, as rows of the model again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from epolltop.model.histogram import Histogram
from epolltop.model.late_look import Doing, LateLook
from epolltop.model.loop_activity import TIMEOUT_UNKNOWN, LoopCounts, LoopKey, Turn, WaitCall
from epolltop.model.loop_of import ERRORS
from epolltop.model.loop_row import KnownActivity, LoopRow
from epolltop.model.loop_times import AwayParts
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.rates import Counted
from epolltop.model.watch import Target, TargetKind
from epolltop.query.loop_members import LOOP, TIMEOUTS
from epolltop.saved.read_back import read_back, told
from epolltop.saved.snapshot_form import Written
from epolltop.saved.two_clocks import TwoClocks
from epolltop.text.safe import printable

_CALLS: Mapping[str, WaitCall] = {call.name.lower(): call for call in WaitCall if call}
_RATES = {"waits": "waits_per_s", "events": "events_per_s", "timeouts_met": "idle_per_s", "interrupted": "eintr_per_s"}
"""By counter, the member that has its rate."""


def read_loops(process: Written, key: ProcessKey, document: Written, clocks: TwoClocks) -> ProcessLoops:
    """All of a process, in the order of its rows.

    Raises:
        ValueError: no loop is like that.
    """
    return ProcessLoops(sorted(_loops(process, key, document, clocks), key=lambda row: (row.key.tid, row.key.file)))


def _loops(process: Written, key: ProcessKey, document: Written, clocks: TwoClocks) -> Iterator[LoopRow]:
    for instance in process.instances:
        file, _, since_ns = instance.id.partition("@")
        created_ns = int(since_ns) if instance.created_at is not None else 0
        for loop in instance.loops or ():
            yield _loop(loop, LoopKey(int(file, 16), created_ns, key, loop.tid, 0), int(since_ns), document, clocks)
    for number, loop in enumerate(process.other_loops or ()):
        yield _loop(loop, LoopKey(0, number, key, loop.tid, 0), None, document, clocks)


def _loop(loop: Written, key: LoopKey, since_ns: int | None, document: Written, clocks: TwoClocks) -> LoopRow:
    now_ns, turn = clocks.boottime_ns, _turn(loop, clocks)
    made = LoopRow(
        key=key,
        since_ns=since_ns,
        thread=printable(loop.thread or ""),
        did=KnownActivity(Counted(LoopCounts(), ())),
        turn=turn,
        is_elsewhere=loop.is_waiting is False and turn is None,
        shared=bool(loop.shared),
        unattended_since_ns=now_ns - round(loop.unattended_s * 1e9) if loop.unattended_s else None,
    )
    made = made._replace(late=_late(loop, turn, clocks))
    window_ns, observed_ns = round(document.window_s * 1e9), round(document.observed_s * 1e9)
    away_ns = round(window_ns * (loop.busy or 0.0))
    total = read_back(
        LOOP,
        loop,
        LoopCounts,
        **told(TIMEOUTS, loop.timeouts, LoopCounts),
        **_errors(loop),
        waiting_ns=_ns(loop.waiting_s) - made.turn_waiting_ns(now_ns - observed_ns, now_ns),
        away_ns=_ns(loop.away_s) - made.turn_away_ns(now_ns - observed_ns, now_ns),
        cpu_ns=_ns(loop.cpu_away_s),
        away_runq_ns=_ns(loop.runq_away_s),
        wake_runq_ns=_ns(loop.runq_wake_s),
    )
    # What was in progress is told apart, and the whole by its share only.
    did = KnownActivity(
        Counted(total, tuple(_rates(loop).get(name, 0.0) for name in LoopCounts._fields)),
        waited_ns=window_ns - away_ns - made.turn_waiting_ns(now_ns - window_ns, now_ns),
        was_away_ns=away_ns - made.turn_away_ns(now_ns - window_ns, now_ns),
        waiting=_histogram(loop.waiting),
        away=_histogram(loop.away),
        poll_delay=_histogram(loop.poll_delay),
        parts=AwayParts(_ns(loop.own_max_s), _ns(loop.cpu_max_s), _ns(loop.runq_max_s)),
        wake_runq_max_ns=_ns(loop.wake_delay_max_s),
    )
    return made._replace(did=did)


def _errors(loop: Written) -> dict[str, int]:
    counts = {ERRORS[name]: number for name, number in (loop.errors or {}).items() if name in ERRORS}
    if not all(isinstance(number, int) and number >= 0 for number in counts.values()):
        raise ValueError("a number of errors that is none")
    return counts


def _rates(loop: Written) -> dict[str, float]:
    """Of counters: those that the file has, and those that follow from the others."""
    rates = {counter: getattr(loop, member) or 0.0 for counter, member in _RATES.items()}
    rates["zero_timeouts"] = rates["waits"] * (loop.zero_share or 0.0)
    rates["cpu_ns"] = rates["waits"] * (loop.cpu_per_turn_s or 0.0) * 1e9
    rates["unmeasured"] = rates["waits"] * (1 - 1 / max(1, loop.sampled or 1))
    if loop.wake_delay_s is not None:  # how many it slept in is not told
        rates["slept"], rates["wake_runq_ns"] = rates["waits"], rates["waits"] * loop.wake_delay_s * 1e9
    if loop.events_per_wake:
        rates["wakes"] = rates["events"] / loop.events_per_wake
    if loop.cpu_share is not None:
        rates["away_ns"] = rates["cpu_ns"] / loop.cpu_share if loop.cpu_share else 1.0
        rates["away_runq_ns"] = rates["away_ns"] * (loop.runq_share or 0.0)
    return rates


def _turn(loop: Written, clocks: TwoClocks) -> Turn | None:
    entered_ns = clocks.boot_ns_at(loop.waiting_since) if loop.waiting_since else 0
    returned_ns = clocks.boot_ns_at(loop.away_since) if loop.away_since else 0
    if not (loop.is_waiting or returned_ns):
        return None
    return Turn(
        entered_ns=entered_ns,
        returned_ns=0 if loop.is_waiting else returned_ns,
        timeout_ns=_timeout_ns(loop.timeout_s),
        maxevents=loop.maxevents or 0,
        call=_CALLS.get(loop.call or "", WaitCall.UNKNOWN),
        name=printable(loop.thread or ""),
    )


def _late(loop: Written, turn: Turn | None, clocks: TwoClocks) -> LateLook | None:
    late = loop.late
    if late is None:
        return None
    at_ns = clocks.boot_ns_at(late.at)
    target = None
    if late.target is not None:
        kind = TargetKind.__members__.get((late.target_kind or "").upper(), TargetKind.OTHER)
        target = Target(kind, printable(late.target))
    return LateLook(
        returned_ns=turn.returned_ns if late.now and turn else at_ns - _ns(late.away_s),
        at_ns=at_ns,
        doing=Doing.__members__.get(late.doing.upper(), Doing.UNKNOWN),
        call=None if late.call is None else printable(late.call),
        fd=late.fd,
        target=target,
        stack=tuple(map(printable, late.stack)),
        cpu_ns=None if late.cpu_s is None else _ns(late.cpu_s),
        runq_ns=None if late.runq_s is None else _ns(late.runq_s),
    )


def _timeout_ns(timeout_s: float | None) -> int | None:
    if timeout_s is None:
        return TIMEOUT_UNKNOWN
    return None if timeout_s < 0 else _ns(timeout_s)


def _histogram(written: Written | None) -> Histogram:
    return Histogram((), 0) if written is None else written.read()


def _ns(seconds: float | None) -> int:
    return round((seconds or 0.0) * 1e9)
