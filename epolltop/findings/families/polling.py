"""Loops that do not wait: they ask for no time, or hardly any, and nothing comes."""

from __future__ import annotations

from epolltop.findings.families.spin_measures import AWAY_MAX, BUSY, WAITS, WAITS_MIN, seconds
from epolltop.findings.loop_case import LoopCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity

_BY_DESIGN = frozenset({"haproxy", "go"})
"""HAProxy with busy-polling; the scheduler of Go looks for events whenever a thread has no other work."""
_SHORT_SHARE = 0.1
"""Of waits with a short timeout: who has work of its own at hand does not wait at all."""


def _empty(case: LoopCase) -> float | None:
    zero, met = case.share("zero_empty"), case.share("timeouts_met")
    return None if zero is None or met is None else zero + met


def _asks_for_time(case: LoopCase) -> bool:
    return (case.share("timeouts_met") or 0) >= _SHORT_SHARE


def _unproven_away(case: LoopCase) -> float | None:
    return 0.0 if _asks_for_time(case) else seconds(case.away.quantile(0.5))


def _why(case: LoopCase) -> str:
    if case.runtime == "haproxy":
        return "HAProxy does so with the option busy-polling"
    if case.runtime == "go" or case.row.shared:
        return "threads that share an instance look for events between other work"
    return "a poller by design, a program with other work at hand, or timeouts cut to 0"


_EMPTY = Condition(
    Measure("empty", "share", _empty, "Waits that ended with their timeout, or asked for none, and brought nothing."),
    at_least=Threshold("spin.empty_percent", 90, "A busy server that does not wait gets events."),
)
_OPEN = Condition(
    Measure[LoopCase]("is_open", "truth", lambda case: case.instance is not None, "The instance is there still.")
)
POLLING: Family[LoopCase] = Family(
    name="polling",
    of="loop",
    gate=(Condition(WAITS, at_least=WAITS_MIN), _EMPTY, _OPEN),
    rules=(
        Rule(
            id="spin-timer",
            severity=Severity.WARN,
            brief="spin: {empty} waits in vain",
            sentence="{waits_per_s} waits a second end with a timeout of 0 or about a millisecond, and nothing comes",
            means="The CPU works, and cannot rest, for nothing.",
            cause="A timeout is cut to whole milliseconds, so that the last one before a timer is due becomes 0; a "
            "timer is due again and again; or a loop polls every millisecond.",
            fix="Round timeouts up, and wait until the next timer is due; epoll_pwait2 takes nanoseconds.",
            conditions=(
                Condition(
                    Measure(
                        "own_turn",
                        "truth",
                        lambda case: not case.row.shared and case.runtime not in _BY_DESIGN,
                        "One thread has the instance, and its runtime does not poll by design.",
                    )
                ),
                Condition(
                    Measure(
                        "unproven_away_s",
                        "seconds",
                        _unproven_away,
                        "Median time between two waits; 0 if a tenth of the waits ended with a short timeout, as those "
                        "of a program with work at hand do not.",
                    ),
                    at_most=AWAY_MAX,
                ),
            ),
            evidence=(BUSY,),
            certain=_asks_for_time,
            healthy="Who polls by design, such as HAProxy with busy-polling, DPDK and Seastar, asks for 0 always.",
            confirm="View 4 shows the timeouts of the loop; strace -e epoll_wait,epoll_pwait.",
            reports=("rakshasa/libtorrent#757", "ossrs/state-threads#17", "Tencent/libco#52"),
        ),
        Rule(
            id="busy-polling",
            severity=Severity.INFO,
            brief="busy polling",
            sentence="{waits_per_s} waits a second ask for no time and bring nothing: {why}",
            means="It uses its core whether there is work or not; CPU use says nothing about its load.",
            cause="{why}.",
            fix="None is needed if it is meant to be so. HAProxy: without `busy-polling` it sleeps when idle.",
            conditions=(),
            evidence=(Measure("why", "text", _why, "Why that may be."), BUSY),
            certain=lambda case: case.runtime == "haproxy",
            healthy="This is by design in most programs that do it.",
            confirm="The configuration of the program.",
            reports=("netty/netty#2465",),
        ),
    ),
)
