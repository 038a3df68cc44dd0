"""Loops that come back late: what waits for them waits as long.

Either the loop itself is late, because it computes or makes a call that blocks, or the scheduler is: on a busy machine
each thread gets a CPU late. So time away counts against a loop only as far as it used a CPU, or slept in a call: the
kernel tells how long each thread waits on run queues.
"""

from __future__ import annotations

from collections.abc import Callable

from epolltop.findings.loop_case import LoopCase
from epolltop.findings.process_case import ProcessCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.findings.settings import Settings
from epolltop.model.finding import Severity
from epolltop.model.late_look import LATE_NS, Doing, LateLook
from epolltop.model.loop_of import away_s, waiting_s
from epolltop.model.loop_times import NO_PARTS, AwayParts

_LOOK_S = 10.0
"""An older look says nothing about now."""
_SLEEPS = {Doing.BLOCKED, Doing.PAGE_FAULT, Doing.STOPPED}
_QUEUES = {Doing.RUNNABLE, Doing.THROTTLED}
_SAYS = {Doing.PAGE_FAULT: "waits for memory", Doing.STOPPED: "is stopped"}
_SELDOM_S = 5.0
"""What waits more seldom does something else."""
_HALF, _NEARLY = 0.5, 0.9
"""Shares of what it took itself in which a thread is on a CPU."""

AWAY_MS = Threshold(
    "blocked.away_ms",
    LATE_NS // 1_000_000,
    "asyncio's loop.slow_callback_duration; Envoy misses at 200, Seastar at 25.",
)
CRITICAL_MS = Threshold("blocked.critical_ms", 1000, "Envoy's watchdog counts a megamiss; Vert.x warns at 2,000.")
_SOONEST_NS = 1_000_000
"""Nearly every loop is away for so long now and then: a look that comes sooner does not tell which one is late."""


def looked_at_ns(settings: Settings) -> int:
    """From when on a loop is looked at, so that the cause is known of all that is found."""
    return max(_SOONEST_NS, min(LATE_NS, round(settings.of(AWAY_MS) * 1e9)))


def long_s(case: LoopCase | ProcessCase) -> float:
    """From when on a time away is long."""
    return case.cases.settings.of(AWAY_MS)


def _longest_s(case: LoopCase) -> float | None:
    """The longest time away of the window, the present one included."""
    return case.longest_away_s


def _times(case: LoopCase) -> int:
    """How often it was away so long, at least: histograms tell times by powers of two."""
    least_s = long_s(case)
    ended = sum(count for n, count in enumerate(case.away.counts) if n and 1 << (n - 1) >= least_s * 1e9)
    return max(1, ended + ((case.lag_s or 0.0) >= least_s))


def look_at(case: LoopCase) -> LateLook | None:
    """The last one, if it is of the last ten seconds."""
    return case.look_within(_LOOK_S)


def _cpu_share(case: LoopCase) -> float | None:
    """The share of its time away that it was on a CPU; of turns that ended in the window, else of all."""
    did = case.row.did
    away_per_s, cpu_per_s = did.counted.per_s("away_ns"), did.counted.per_s("cpu_ns")
    if away_per_s > 0:
        return min(1.0, cpu_per_s / away_per_s)
    return min(1.0, did.total.cpu_ns / did.total.away_ns) if did.total.away_ns else None


def _ended(case: LoopCase) -> AwayParts | None:
    """The most that times away had which ended in the window; None: it is not known."""
    parts = case.row.did.parts
    return parts if parts.own_ns or not case.row.did.away_max_ns else None


def _present(case: LoopCase) -> AwayParts | None:
    """What the time away that lasts had up to the last look, at least; None: nobody looked, or it is not known."""
    look = case.row.late_now
    if not case.lag_s or case.lag_s < long_s(case):
        return NO_PARTS
    if look is None or look.doing is Doing.UNKNOWN or look.cpu_ns is None or look.runq_ns is None:
        return None
    own_ns = max(0, min(look.at_ns, case.now.now_ns) - look.returned_ns - look.runq_ns)
    if look.doing in _QUEUES:  # for how long it has waited by now is not known, nor whether it slept before
        own_ns = look.cpu_ns
    return AwayParts(own_ns, min(own_ns, look.cpu_ns), look.runq_ns)


def _most_s(case: LoopCase, get: Callable[[AwayParts], int]) -> float | None:
    """The most that one of its times away had of something; None: it is not known, and what is known is not long."""
    if case.longest_away_s is None:
        return None
    known = [parts for parts in (_ended(case), _present(case)) if parts is not None]
    look = case.row.late_now
    most_s = max(map(get, known), default=0) / 1e9
    is_whole = len(known) == 2 and not (look and look.doing in _QUEUES)
    return most_s if is_whole or most_s >= long_s(case) else None


def own_s(case: LoopCase) -> float | None:
    """The longest that it computed or slept in one time away; None: it is not known."""
    if case.now.source.sees("away_runq_ns"):
        return _most_s(case, lambda parts: parts.own_ns)
    look = look_at(case)
    return case.longest_away_s if look and look.doing in _SLEEPS else None


def for_cpu_s(case: LoopCase) -> float | None:
    """The longest that it waited for a CPU in one time away; None: it is not known."""
    if case.now.source.sees("away_runq_ns"):
        return _most_s(case, lambda parts: parts.runq_ns)
    look = look_at(case)
    if look is None or look.doing is Doing.UNKNOWN:
        return None
    return case.longest_away_s if look.doing in _QUEUES else 0.0


def _computes(case: LoopCase) -> bool:
    """Whether it was on a CPU for most of what it took itself; for nearly all of it, if it was seen asleep."""
    look = look_at(case)
    least = _NEARLY if look and look.doing in _SLEEPS else _HALF
    taken_s = own_s(case) if case.now.source.sees("away_runq_ns") else None
    if not taken_s:
        return (_cpu_share(case) or 0.0) >= least
    return (_most_s(case, lambda parts: parts.cpu_ns) or 0.0) >= least * taken_s


def _is_loop(case: LoopCase) -> bool | None:
    """Whether it serves by waiting.

    Threads that do other work look into an instance now and then. A worker with a client of its own asks for one event
    at a time.
    """
    if case.row.turn is None:
        return None
    if case.row.turn.maxevents == 1 and case.runtime != "asyncio":  # which asks for as many as it watches
        return False
    waited_s, gone_s = waiting_s(case.loop, case.now), away_s(case.loop, case.now)
    return waited_s >= gone_s or case.row.did.total.waits >= (waited_s + gone_s) / _SELDOM_S


def _call(case: LoopCase) -> str | None:
    look = look_at(case)
    return look.call if look and look.doing is Doing.BLOCKED else None


def doing(case: LoopCase) -> str | None:
    look = look_at(case)
    return look.doing.word if look else None


def _what(case: LoopCase) -> str | None:
    """In words: computes, sleeps in read on pipe 5."""
    look = look_at(case)
    if _computes(case):
        return "computes"
    if look is None or look.doing not in _SLEEPS:
        return "sleeps in a call"
    if look.doing is not Doing.BLOCKED:
        return _SAYS[look.doing]
    called = f"sleeps in {look.call or 'a call'}"
    return f"{called} on {look.target.title}" if look.target else called


_LONGEST = Measure(
    "away_max_s", "seconds", _longest_s, "Longest time away from the instance in the window.", reach="time_s"
)
_TIMES = Measure(
    "times", "count", _times, "How often in the window it was away for `blocked.away_ms`, at least; whatever kept it."
)
_OWN = Measure(
    "own_s", "seconds", own_s, "The longest that it computed or slept in a time away, without waiting for a CPU."
)
_DOING = Measure(
    "doing", "text", doing, "What its thread did when it was looked at while late, in the last ten seconds."
)
_WHAT = Measure("what", "text", _what, "What kept it away in words, with the call and what that is about.")
_CALL = Measure[LoopCase]("call", "text", _call, "System call that it slept in.")
_CALL_FD = Measure[LoopCase](
    "call_fd", "id", lambda case: (look := look_at(case)) and look.fd, "Descriptor that the call is about."
)
_TARGET = Measure[LoopCase](
    "target",
    "text",
    lambda case: look.target.title if (look := look_at(case)) and look.target else None,
    "What that descriptor is for.",
)
_AT = Measure[LoopCase](
    "at",
    "text",
    lambda case: look.stack[0] if (look := look_at(case)) and look.stack else None,
    "Function that it was in.",
)
_CPU = Measure("cpu_share", "share", _cpu_share, "Share of its time away in which it was on a CPU.")

AWAY: Family[LoopCase] = Family(
    name="blocked",
    of="loop",
    gate=(
        Condition(_LONGEST, at_least=AWAY_MS, critical=CRITICAL_MS),
        Condition(_OWN, at_least=AWAY_MS, critical=CRITICAL_MS),
    ),
    rules=(
        Rule(
            id="blocked-loop",
            severity=Severity.WARN,
            brief="away {own_s}: {what}",
            sentence="the loop was away for {own_s}; it {what}",
            means="It looked at nothing that it serves meanwhile: all of that waited as long. The time in which it "
            "only waited for a CPU is not counted.",
            cause="A callback computes for long, or makes a call that blocks. This one {what}.",
            fix="Move the work to another thread or process, or divide it; use calls that do not block.",
            conditions=(
                Condition(
                    Measure(
                        "is_loop",
                        "truth",
                        _is_loop,
                        "On average it waits once in five seconds or half of the time, for several events at once.",
                    )
                ),
            ),
            evidence=(_TIMES, _WHAT, _DOING, _CALL, _CALL_FD, _TARGET, _AT, _CPU),
            certain=lambda case: doing(case) not in (None, Doing.UNKNOWN.word) or _computes(case),
            healthy="A thread that does other work and looks into an instance now and then; a worker that serves one "
            "client, such as a process of PostgreSQL. Loops that share an instance stand in for each other.",
            confirm="--blocked-stacks 100 shows the function; view 4 shows LAG and AWAY of the loop.",
            fixes=(
                (
                    "Node.js",
                    "Use the asynchronous form (not readFileSync, spawnSync); worker_threads for what computes.",
                ),
                ("asyncio", "`await asyncio.to_thread(...)`; `PYTHONASYNCIODEBUG=1` names slow callbacks."),
                ("Netty", "`ctx.executor()` is the loop: give handlers that block an EventExecutorGroup of their own."),
                (
                    "Redis",
                    "SLOWLOG GET names the command; KEYS, large DEL (UNLINK) and Lua scripts are the usual ones.",
                ),
            ),
            reports=("Coroot: Instrumenting the Node.js event loop with eBPF", "scylladb/seastar#1081"),
        ),
    ),
)
