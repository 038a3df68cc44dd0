"""Processes whose threads get a CPU late.

The cause lies outside of their loops, and where it meets one it meets all. So it is told once a process, however many
of its loops are late and whichever is latest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from epolltop.findings.families.blocked_loops import AWAY_MS, doing, for_cpu_s, long_s, look_at, own_s
from epolltop.findings.loop_case import LoopCase
from epolltop.findings.process_case import ProcessCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Fact, Severity
from epolltop.model.late_look import Doing
from epolltop.model.process_loops import Delayed, Woken

_DELAY_MS = Threshold("late.poll_delay_ms", 10, "glommio's and Node's measure of a stall.")
_TIMEOUTS = Threshold(
    "late.timeouts", 2, "The kernel lets a long timeout be late by a thousandth, or by half a percent."
)


class _Late(NamedTuple):
    """The loops of a process that get a CPU late."""

    number: int
    latest: LoopCase
    by_s: float
    """How late that one is."""


def _delay_max_s(case: ProcessCase) -> float | None:
    delay_ns = case.row.loops.poll_delay_max_ns if case.cases.counts_waits else None
    return None if delay_ns is None else delay_ns / 1e9


def _least_ns(case: ProcessCase) -> int:
    """From when on a CPU comes late."""
    return max(1, round(case.cases.settings.of(_DELAY_MS) * 1e9))


def _exceeding(case: ProcessCase) -> tuple[Delayed, ...]:
    """Those that came back late from a wait after its timeout."""
    return tuple(case.row.loops.delayed(_least_ns(case))) if case.cases.counts_waits else ()


def _delayed(case: ProcessCase) -> tuple[Delayed, ...]:
    """Of these, those that a single wait may make late. Who did not wait for a CPU has a late timer: not told."""
    runq_ns = _least_ns(case) if case.now.source.sees("wake_runq_ns") else 0
    return tuple(each for each in case.once(_exceeding) if each.runq_ns >= runq_ns)


def _latest(case: ProcessCase) -> Delayed | None:
    """Of these the latest, among those with enough timeouts if there are any."""
    enough = case.cases.settings.of(_TIMEOUTS)
    return max(case.once(_delayed), key=lambda each: (each.timeouts >= enough, each.p99_ns), default=None)


def _timeouts(case: ProcessCase) -> int | None:
    """Of the latest; 0: none met one, or none waited for a CPU; None: none was late, or it is not known by how much."""
    if latest := case.once(_latest):
        return latest.timeouts
    if case.once(_exceeding):
        return 0
    met_none = case.cases.counts_waits and not any(row.did.rise("timeouts_met") for row in case.row.loops)
    return 0 if met_none else None


def _woken_late(case: ProcessCase) -> tuple[Woken, ...]:
    """Those that got a CPU late after their waits, on average."""
    if not case.cases.counts_waits:
        return ()
    enough = case.cases.settings.of(_TIMEOUTS)
    return tuple(each for each in case.row.loops.woken_late(_least_ns(case)) if each.sleeps >= enough)


def _woken_late_s(case: ProcessCase) -> float | None:
    """The latest; 0: none is late on average."""
    if not (case.cases.counts_waits and case.now.source.sees("wake_runq_ns")):
        return None
    return max((each.mean_ns for each in case.once(_woken_late)), default=0) / 1e9


class _KeptAway(NamedTuple):
    """A loop that waited for a CPU while it was away, and was not late by itself."""

    case: LoopCase
    doing: Doing
    """Throttled, if it was when it was looked at."""
    for_cpu_s: float
    """The longest that it waited in one time away in the window."""


def _kept_away(case: ProcessCase) -> tuple[_KeptAway, ...]:
    """None of these shares its instance: another thread would answer in time."""
    return tuple(kept for each in case.active_loops if (kept := _if_kept_away(each)))


def _if_kept_away(case: LoopCase) -> _KeptAway | None:
    waited_s = for_cpu_s(case)
    if not waited_s:
        return None
    is_throttled = (look := look_at(case)) is not None and look.doing is Doing.THROTTLED
    if not is_throttled and (own_s(case) or 0.0) >= long_s(case):
        return None
    return _KeptAway(case, Doing.THROTTLED if is_throttled else Doing.RUNNABLE, waited_s)


def _is_any_unknown(case: ProcessCase) -> bool:
    """Whether a loop was away for long, and it is not known for how long it waited for a CPU then."""
    least_s = long_s(case)
    return any((each.longest_away_s or 0.0) >= least_s and for_cpu_s(each) is None for each in case.active_loops)


def _kept_away_s(case: ProcessCase, doing: Doing) -> float | None:
    """The longest that one of those waited for a CPU; 0: none did."""
    if not case.cases.counts_waits:
        return None
    longest_s = max((each.for_cpu_s for each in case.once(_kept_away) if each.doing is doing), default=0.0)
    return longest_s if longest_s >= long_s(case) or not case.once(_is_any_unknown) else None


def _late(case: ProcessCase) -> _Late | None:
    enough, delay_s, away_s = (case.cases.settings.of(each) for each in (_TIMEOUTS, _DELAY_MS, AWAY_MS))
    delays = [(each.at, each.p99_ns / 1e9) for each in case.once(_delayed) if each.timeouts >= enough]
    late = [(at, by_s) for at, by_s in delays if by_s >= delay_s]
    late += [(each.at, each.mean_ns / 1e9) for each in case.once(_woken_late)]
    late += [(each.case.at, each.for_cpu_s) for each in case.once(_kept_away) if each.for_cpu_s >= away_s]
    if not late:
        return None
    latest, by_s = max(late, key=lambda each: each[1])
    return _Late(len({at for at, _ in late}), case.cases.loop(case.row, latest), by_s)


def _why(case: ProcessCase) -> str:
    if (_kept_away_s(case, Doing.THROTTLED) or 0.0) >= long_s(case):
        return "its control group is throttled"
    looks = (look_at(each.case) for each in case.once(_kept_away))
    if any(look and look.doing is Doing.RUNNABLE for look in looks):
        return "other threads have the CPUs"
    return "other threads have the CPUs, or its control group is throttled"


def _of_late(get: Callable[[_Late], Fact | None]) -> Callable[[ProcessCase], Fact | None]:
    """Of the loops that are late; None: none is."""
    return lambda case: get(late) if (late := case.once(_late)) else None


def _away_while(doing: Doing, name: str, help: str) -> Condition[ProcessCase]:
    """For long, while its thread did this."""
    away = Measure[ProcessCase](name, "seconds", lambda case: _kept_away_s(case, doing), help, reach="time_s")
    return Condition(away, at_least=AWAY_MS)


_EVIDENCE: tuple[Measure[ProcessCase], ...] = (
    Measure(
        "late_s",
        "seconds",
        _of_late(lambda late: late.by_s),
        "The most by which a loop is late: its `poll_delay_p99_s`, its `wake_delay_s`, or the longest that it waited "
        "for a CPU in one time away.",
    ),
    Measure("late_loops", "count", _of_late(lambda late: late.number), "How many loops of the process are late."),
    Measure("loops", "count", lambda case: len(case.row.loops), "How many it has."),
    Measure("latest", "text", _of_late(lambda late: late.latest.who), "The loop that is latest."),
    Measure("latest_tid", "id", _of_late(lambda late: late.latest.row.key.tid), "Its thread."),
    Measure("why", "text", _why, "As far as it was seen."),
    Measure(
        "doing",
        "text",
        _of_late(lambda late: doing(late.latest)),
        "What that thread did when it was looked at while late, in the last ten seconds.",
    ),
)
_LATE_WAKEUP = Rule[ProcessCase](
    id="late-wakeup",
    severity=Severity.WARN,
    brief="CPU {late_s} late: {late_loops}/{loops} loops",
    sentence="{latest} gets a CPU up to {late_s} late, because {why}; late loops: {late_loops} of {loops}",
    means="Timers and answers come late, although the loops themselves are quick.",
    cause="More threads want to run than there are CPUs, or the control group has used up its CPU time (cpu.max).",
    fix="If the group is throttled raise its cpu.max; else run less beside it, or give it a higher weight or priority.",
    conditions=(
        _away_while(
            Doing.THROTTLED,
            "throttled_away_s",
            "The longest that a loop waited for CPU time in one time away in the window, whose control group was "
            "throttled when it was looked at.",
        ),
    ),
    evidence=_EVIDENCE,
    lasts_s=5.0,
    healthy="Nice programs on a busy machine. Of processes of a machine that has too much to do it is only a note.",
    confirm="cat /proc/pressure/cpu, and cpu.stat (nr_throttled) of the control group.",
    reports=("OpenResty XRay: epoll-wait-overrun-time-distr", "Envoy: poll_delay_us"),
)


def _note(*conditions: Condition[ProcessCase]) -> Rule[ProcessCase]:
    """The same, where it is less grave."""
    return replace(_LATE_WAKEUP, severity=Severity.INFO, conditions=conditions)


WAKEUP: Family[ProcessCase] = Family(
    name="late",
    of="process",
    rules=(
        _LATE_WAKEUP,
        _note(
            Condition(
                Measure(
                    "poll_delay_max_s",
                    "seconds",
                    _delay_max_s,
                    "By how much at most a wait of one of its loops came back after its timeout.",
                ),
                at_least=_DELAY_MS,
            ),
            Condition(
                Measure(
                    "timeouts",
                    "count",
                    _timeouts,
                    "Waits of the latest of these that met their timeout in the window.",
                ),
                at_least=_TIMEOUTS,
            ),
            Condition(
                Measure(
                    "poll_delay_p99_s",
                    "seconds",
                    lambda case: latest.p99_ns / 1e9 if (latest := case.once(_latest)) else None,
                    "By how much these came back after it, 99th percentile.",
                ),
                at_least=_DELAY_MS,
            ),
        ),
        _note(
            Condition(
                Measure(
                    "wake_delay_s",
                    "seconds",
                    _woken_late_s,
                    "How long a loop waited for a CPU after events or timeouts had woken it: mean of its waits in "
                    "the window, of the latest loop that slept in `late.timeouts` of them.",
                ),
                at_least=_DELAY_MS,
            ),
        ),
        _note(
            _away_while(
                Doing.RUNNABLE,
                "runnable_away_s",
                "The longest that a loop could run and had no CPU in one time away in the window, if it is not late by "
                "itself.",
            ),
        ),
    ),
)
