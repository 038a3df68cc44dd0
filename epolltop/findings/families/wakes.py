"""Wakes that bring nothing, or not enough. Each costs a switch of context, some 10 to 50 us of a core."""

from __future__ import annotations

from dataclasses import replace

from epolltop.findings.loop_case import LoopCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity


def _cpu(case: LoopCase) -> float | None:
    """Of a core, that its thread took in its turns."""
    per_s = case.per_s("cpu_ns")
    return None if per_s is None else per_s / 1e9


def _away(case: LoopCase) -> float | None:
    """Of the window. What a loop is away for is no measure by itself: one that waits once for a moment seems busy."""
    if not case.counts_waits or not case.window_s:
        return None
    away_ns = case.row.did.was_away_ns + case.row.turn_away_ns(case.now.begin_ns, case.now.now_ns)
    return min(1.0, away_ns / 1e9 / case.window_s)


def _timeout_s(case: LoopCase) -> float | None:
    timeout_ns = case.row.turn.timeout_ns if case.row.turn else None
    return None if timeout_ns is None or timeout_ns < 0 else timeout_ns / 1e9


def _maxevents(case: LoopCase) -> int | None:
    return case.row.turn.maxevents if case.row.turn else None


def _watches(case: LoopCase) -> int | None:
    return case.instance.watches if case.instance else None


def _has_more(case: LoopCase) -> bool | None:
    """Otherwise a full batch has all that there can be: some programs ask for as many events as they have watches."""
    watches, maxevents = _watches(case), _maxevents(case)
    return None if watches is None or maxevents is None else watches > maxevents


def _waits_s(case: LoopCase) -> float | None:
    """For how long it has been in its present wait; at least, if that began before the observation."""
    since_ns = case.row.waiting_since_ns
    began_ns = case.now.now_ns - round(case.now.observed_s * 1e9)
    return None if since_ns is None else max(0, case.now.now_ns - (since_ns or began_ns)) / 1e9


def _is_infinite(case: LoopCase) -> bool | None:
    turn = case.row.turn
    return None if turn is None else turn.timeout_ns is None


def _is_empty(case: LoopCase) -> bool | None:
    """Whether the list had no watch when it was read during the present wait."""
    interest, since_ns = case.interest, case.row.waiting_since_ns
    if interest is None or since_ns is None or not interest.at_ns or interest.at_ns < since_ns:
        return None
    return interest.length == 0


_CPU = Measure[LoopCase]("cpu", "share", _cpu, "CPU time of the thread, as a share of a core.")
_RUNTIME = Measure[LoopCase]("runtime", "text", lambda case: case.runtime, "What it runs on.")
_EMPTY = Measure[LoopCase](
    "empty_per_s",
    "per_s",
    lambda case: case.per_s("timeouts_met"),
    "Waits that ended with their timeout, a second.",
    reach="waits_per_s",
)
_TIMEOUT = Measure[LoopCase]("timeout_s", "seconds", _timeout_s, "Timeout of the last wait.")
_IDLE = Rule[LoopCase](
    id="idle-wakeups",
    severity=Severity.WARN,
    brief="{empty_per_s}/s idle wakes",
    sentence="it wakes {empty_per_s} times a second for nothing: its timeout of {timeout_s} is over",
    means="Each wake takes CPU time, and keeps the processor out of its deeper sleep: {cpu} of a core here.",
    cause="A short timeout in place of an event: a tick, a poll of something else, or a timer that nobody needs now.",
    fix="Wait until the next timer is due, or for ever, and let an eventfd, timerfd or pipe wake the loop.",
    conditions=(
        Condition(
            _EMPTY,
            at_least=Threshold("idle.warn_per_s", 50, "A wake each 20 ms; openrazer/openrazer#646 had 100."),
        ),
        Condition(
            Measure(
                "empty_share", "share", lambda case: case.share("timeouts_met"), "Of all waits, those without an event."
            ),
            at_least=Threshold("idle.empty_percent", 90, "With more events the timeout is not what wakes it."),
        ),
    ),
    evidence=(_TIMEOUT, _CPU, _RUNTIME),
    healthy="Redis wakes `hz` times a second, 10 by default, to expire keys. Programs that draw or sample have a tick.",
    confirm="View 4 shows the loop with its waits and timeouts; `strace -p` of the thread what it does when it wakes.",
    fixes=(
        ("redis", "Lower `hz`; `dynamic-hz yes` raises it only while clients are connected."),
        ("node", "Look for setInterval() with a short time."),
        ("asyncio", "Look for a task that calls asyncio.sleep() with a short time in a loop."),
    ),
    reports=("openrazer/openrazer#646", "wezterm/wezterm#770", "go-gitea/gitea#15048", "Tencent/libco#52"),
)
_IDLE_PER_S = Threshold("idle.per_s", 11, "Redis has 10 by design (hz 10).")
IDLE: Family[LoopCase] = Family(
    name="idle",
    of="loop",
    rules=(
        _IDLE,
        replace(
            _IDLE, severity=Severity.INFO, conditions=(Condition(_EMPTY, at_least=_IDLE_PER_S), *_IDLE.conditions[1:])
        ),
    ),
)

_EINTR = Measure[LoopCase](
    "interrupted_per_s",
    "per_s",
    lambda case: case.per_s("interrupted"),
    "Waits that a signal ended, a second.",
    reach="waits_per_s",
)
_INTERRUPTED = Rule[LoopCase](
    id="interrupted-waits",
    severity=Severity.WARN,
    brief="{interrupted_per_s}/s signals",
    sentence="signals interrupt {interrupted_per_s} waits a second (EINTR), {interrupted_share} of all",
    means="The loop wakes, handles a signal and waits again: {cpu} of a core for nothing that it serves.",
    cause="An interval timer (setitimer, timer_create), a profiler that samples by signals, or another thread's kill.",
    fix="Stop the timer or profiler, block the signal in this thread, or receive it by signalfd.",
    conditions=(
        Condition(
            _EINTR,
            at_least=Threshold("interrupted.warn_per_s", 50, "A profiler that samples takes 20 to 100 a second."),
        ),
        Condition(
            Measure(
                "interrupted_share", "share", lambda case: case.share("interrupted"), "Of all waits, those interrupted."
            ),
            at_least=Threshold("interrupted.waits_percent", 50, "Of a busy loop's waits a few do not matter."),
        ),
    ),
    evidence=(_CPU, _RUNTIME),
    healthy="A profiler that somebody attached for a while, such as async-profiler in its wall-clock mode.",
    confirm="`strace -p` of the thread names the signal; `grep Sig /proc/PID/status` what it catches.",
    fixes=(("java-nio", "async-profiler: `-e cpu` in place of `-e wall`, or a longer `-i`."),),
    reports=("async-profiler/async-profiler#1798",),
)
INTERRUPTED: Family[LoopCase] = Family(
    name="interrupted",
    of="loop",
    rules=(
        _INTERRUPTED,
        replace(
            _INTERRUPTED,
            severity=Severity.INFO,
            conditions=(
                Condition(_EINTR, at_least=Threshold("interrupted.per_s", 10, "Fewer cost nothing.")),
                *_INTERRUPTED.conditions[1:],
            ),
        ),
    ),
)

_BATCHES = Rule[LoopCase](
    id="saturated-batches",
    severity=Severity.WARN,
    brief="full batches: {maxevents} a wait",
    sentence="{full_share} of its waits return all {maxevents} events that they ask for, and it has {watches} watches",
    means="Events wait in the kernel for the next wait; what comes first is served first, and others wait longer.",
    cause="maxevents is smaller than the number of events that come at once, or the loop is too slow for its load.",
    fix="Ask for more events a wait. If the loop is away most of the time, divide its work among more loops.",
    conditions=(
        Condition(Measure("has_more", "truth", _has_more, "It has more watches than it asks for events.")),
        Condition(
            Measure("away", "share", _away, "Share of the window that it is away from its waits."),
            at_least=Threshold("batches.away_percent", 80, "Envoy, HAProxy: with less than 20% idle a loop is busy."),
        ),
    ),
    evidence=(
        Measure("maxevents", "count", _maxevents, "Events that its last wait asked for."),
        Measure("watches", "count", _watches, "Watches of its instance."),
        _RUNTIME,
    ),
    healthy="Many connections that are served in turn, as by libuv, which waits again at once while batches are full.",
    confirm="View 4 shows events a wait; the histogram of times away how long a batch takes.",
    fixes=(("nginx", "Raise `epoll_events`."), ("haproxy", "Raise `tune.maxpollevents`.")),
)
BATCHES: Family[LoopCase] = Family(
    name="batches",
    of="loop",
    needs_list=True,
    gate=(
        Condition(
            Measure(
                "full_per_s",
                "per_s",
                lambda case: case.per_s("full"),
                "Waits that returned as many, a second.",
                reach="waits_per_s",
            ),
            at_least=Threshold("batches.full_per_s", 10, "Fewer are a burst now and then."),
        ),
        Condition(
            Measure("full_share", "share", lambda case: case.share("full", "wakes"), "Of all waits with events."),
            at_least=Threshold("batches.full_percent", 50, "Half of the waits leave events behind."),
        ),
    ),
    rules=(_BATCHES, replace(_BATCHES, severity=Severity.INFO, conditions=_BATCHES.conditions[:1])),
)

NOTHING: Family[LoopCase] = Family(
    name="nothing",
    of="loop",
    among="empty",
    gate=(
        Condition(Measure("empty", "truth", _is_empty, "The interest list is empty since the wait began.")),
        Condition(Measure("infinite", "truth", _is_infinite, "The wait has no timeout.")),
    ),
    rules=(
        Rule(
            id="waits-for-nothing",
            severity=Severity.INFO,
            brief="waits for nothing",
            sentence="it has waited for {waits_s} without a timeout on an instance that watches nothing",
            means="Unless another thread adds a watch, nothing but a signal ever wakes it.",
            cause="All that it watched was closed or removed, or was never added; the thread is left over.",
            fix="End the thread when its last watch goes, or let it watch an eventfd by which it can be woken.",
            conditions=(
                Condition(
                    Measure("waits_s", "seconds", _waits_s, "How long the present wait has lasted."),
                    at_least=Threshold("nothing.waits_ms", 5000, "A thread may wait for its first watch for a moment."),
                ),
            ),
            evidence=(_RUNTIME,),
            lasts_s=0.0,
            certain=False,
            healthy="A pool of threads that wait before other threads add what they are to serve.",
            confirm="`grep tfd /proc/PID/fdinfo/FD` of the instance prints nothing.",
            reports=("canonical/snapd#12963",),
        ),
    ),
)
