"""Workers that watch one listener, each with an instance of its own: siblings.

Sockets with SO_REUSEPORT are one listener each, and no siblings.
"""

from __future__ import annotations

from dataclasses import replace
from select import EPOLLEXCLUSIVE

from epolltop.findings.kin import Kin
from epolltop.findings.loop_case import LoopCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity

_HEALTHY_REUSEPORT = "Sockets with SO_REUSEPORT: each is a listener of its own, and the kernel spreads connections."


def _at_listener(case: LoopCase) -> tuple[int, Kin[LoopCase]] | None:
    """Inode, and siblings; None: its list was not read, or nobody else is known to watch its listener."""
    return case.kin.siblings.get(case.instance_key) if case.kin else None


def _siblings(case: LoopCase) -> Kin[LoopCase] | None:
    found = _at_listener(case)
    return found[1] if found else None


def _listener(case: LoopCase) -> str | None:
    found = _at_listener(case)
    return found[1].workers[0].listeners[found[0]].target.text if found else None


def _is_first(case: LoopCase) -> bool | None:
    siblings = _siblings(case)
    return siblings.workers[0].loops[0] is case if siblings else None


def _number(case: LoopCase) -> int | None:
    siblings = _siblings(case)
    return len(siblings.workers) if siblings else None


_FIRST = Condition(Measure("is_first", "truth", _is_first, "It is told once, of the first sibling."))
_LISTENER = Measure("listener", "text", _listener, "What they watch.")


# Herd.


def _wakes_per_s(case: LoopCase) -> float | None:
    return case.kin.by_instance[case.instance_key].wakes_per_s if case.kin else None


def _kin_spread(case: LoopCase) -> float | None:
    """Of those that may be siblings."""
    return case.kin.awake.spread if case.kin else None


def _herd(case: LoopCase) -> Kin[LoopCase] | None:
    """The siblings that all wake for a connection."""
    found = _at_listener(case)
    if found is None:
        return None
    inode, siblings = found
    woken = (each for each in siblings.awake.workers if not each.listeners[inode].events & EPOLLEXCLUSIVE)
    return Kin(tuple(woken))


def _woken(case: LoopCase) -> int | None:
    herd = _herd(case)
    return len(herd.workers) if herd else None


def _spread(case: LoopCase) -> float | None:
    herd = _herd(case)
    return herd.spread if herd else None


def _connections_per_s(case: LoopCase) -> float | None:
    """Each is added to a list, or, if none ever is, all wakes are for them."""
    herd = _herd(case)
    adds = [each.adds_per_s for each in herd.workers] if herd else []
    added = sum(each for each in adds if each is not None)
    if not herd or not adds or None in adds:
        return None
    if added == 0 and not any(each.has_connections for each in herd.workers):
        return herd.wakes_per_s / len(herd.workers)
    return added


def _listener_share(case: LoopCase) -> float | None:
    herd, connections_per_s = _herd(case), _connections_per_s(case)
    if not herd or connections_per_s is None or not herd.wakes_per_s:
        return None
    return min(1.0, connections_per_s * len(herd.workers) / herd.wakes_per_s)


def _vain_per_s(case: LoopCase) -> float | None:
    connections_per_s, woken = _connections_per_s(case), _woken(case)
    return None if connections_per_s is None or woken is None else connections_per_s * (woken - 1)


_TOGETHER = Threshold("herd.spread_percent", 20, "Three that wake by themselves come so near one time in thirty.")
_HERD = Rule[LoopCase](
    id="herd",
    severity=Severity.INFO,
    brief="herd: {woken} for each accept",
    sentence="{woken} workers wake together for connections to {listener}: about {vain_per_s} wakes a second are in "
    "vain",
    means="One accepts, the others find nothing (EAGAIN): they take CPU time, and caches of those who work.",
    cause="Each worker watches the listener without EPOLLEXCLUSIVE, so the kernel wakes all that are idle.",
    fix="Add the listener with EPOLLEXCLUSIVE, give each worker a socket of its own with SO_REUSEPORT, or let one "
    "accept at a time.",
    conditions=(
        _FIRST,
        Condition(
            Measure("woken", "count", _woken, "Siblings that wake as often, and watch it without EPOLLEXCLUSIVE."),
            at_least=Threshold("herd.siblings", 3, "Two may turn together by chance, and only one is woken in vain."),
        ),
        Condition(
            Measure("spread", "share", _spread, "How far apart their last turns are, in times between two wakes."),
            at_most=_TOGETHER,
        ),
        Condition(
            Measure(
                "listener_share", "share", _listener_share, "Connections to wakes of each: how many may be for them."
            ),
            at_least=Threshold("herd.listener_percent", 50, "Requests on connections that last come to one each."),
        ),
    ),
    evidence=(
        _LISTENER,
        Measure(
            "connections_per_s",
            "per_s",
            _connections_per_s,
            "Watches added by all of them, or if none are and no connection is watched, the wakes of each.",
        ),
        Measure("vain_per_s", "per_s", _vain_per_s, "Wakes for connections that another one takes, at the most."),
    ),
    lasts_s=5.0,
    certain=False,
    healthy="Workers that take turns, or whose clients all ask at the same moment. The kernel takes many wakes in vain "
    f"back before the wait returns: these are not seen, and cost less. {_HEALTHY_REUSEPORT}",
    confirm="strace -f -c -e trace=accept,accept4 -p PID of a worker: nearly all fail.",
    fixes=(
        (
            "nginx",
            "It uses EPOLLEXCLUSIVE by itself, unless `accept_mutex` is on; `listen ... reuseport` is better still.",
        ),
    ),
    reports=("unbit/uwsgi#115", "gevent/gevent#1536", "puma/puma#3934", "benoitc/gunicorn#792"),
)
HERD: Family[LoopCase] = Family(
    name="herd",
    of="loop",
    among="kin",
    needs_list=True,
    gate=(
        Condition(
            Measure(
                "wakes_per_s",
                "per_s",
                _wakes_per_s,
                "Waits on its instance that returned events, a second.",
                reach="wakes_per_s",
            ),
            at_least=Threshold("herd.wakes_per_s", 50, "Fewer cost nothing, and timers may beat together."),
        ),
        Condition(
            Measure(
                "kin_spread",
                "share",
                _kin_spread,
                "The same as `spread`, of all workers of the program that wake as often.",
            ),
            at_most=_TOGETHER,
        ),
    ),
    rules=(
        replace(
            _HERD,
            severity=Severity.WARN,
            conditions=(
                *_HERD.conditions,
                Condition(
                    Measure(
                        "vain_per_s", "per_s", _vain_per_s, "Wakes for connections that another one takes, at most."
                    ),
                    at_least=Threshold("herd.vain_per_s", 1000, "At 10 us each they take a hundredth of a core."),
                ),
            ),
        ),
        _HERD,
    ),
)


# Balance.


def _kin_events_per_s(case: LoopCase) -> float | None:
    return case.kin.events_per_s if case.kin else None


def _kin_imbalance(case: LoopCase) -> float | None:
    return case.kin.imbalance if case.kin else None


def _imbalance(case: LoopCase) -> float | None:
    siblings = _siblings(case)
    return siblings.imbalance if siblings else None


def _events_per_s(case: LoopCase) -> float | None:
    siblings = _siblings(case)
    return siblings.events_per_s if siblings else None


def _busiest(case: LoopCase) -> str | None:
    siblings = _siblings(case)
    return siblings.busiest.busiest.who if siblings else None


def _busiest_away(case: LoopCase) -> float | None:
    siblings = _siblings(case)
    return siblings.busiest.busiest.away_share if siblings else None


_EVENTS = Threshold("unbalanced.events_per_s", 100, "Fewer are no load.")
_RATIO = Threshold("unbalanced.ratio", 3, "One of three has all, or one of many three times its part.")
UNBALANCED: Family[LoopCase] = Family(
    name="unbalanced",
    of="loop",
    among="kin",
    needs_list=True,
    gate=(
        Condition(
            Measure(
                "kin_events_per_s",
                "per_s",
                _kin_events_per_s,
                "Events of all workers of the program.",
                reach="events_per_s",
            ),
            at_least=_EVENTS,
        ),
        Condition(
            Measure(
                "kin_imbalance",
                "count",
                _kin_imbalance,
                "The most that one of them has, to the mean.",
                reach="imbalance",
            ),
            at_least=_RATIO,
        ),
    ),
    rules=(
        Rule(
            id="unbalanced",
            severity=Severity.INFO,
            brief="{busiest} does most",
            sentence="{busiest} has {imbalance} times its part of the events of {siblings} workers at {listener}",
            means="While one worker is busy, its connections wait although others are idle. It matters once the "
            "busiest is away from its waits for most of the time: {busiest_away} now.",
            cause="With EPOLLEXCLUSIVE the kernel wakes the same idle worker first each time, and keeps to it until "
            "that one is busy. nginx is so by design. Or a few connections have most of the work.",
            fix="Give each worker a listening socket of its own with SO_REUSEPORT, if the busiest has too much to do.",
            conditions=(
                _FIRST,
                Condition(
                    Measure("imbalance", "count", _imbalance, "Events of the busiest sibling, to the mean of all."),
                    at_least=_RATIO,
                ),
                Condition(
                    Measure("events_per_s", "per_s", _events_per_s, "Events of all siblings, a second."),
                    at_least=_EVENTS,
                ),
            ),
            evidence=(
                Measure("siblings", "count", _number, "Instances that watch the listener."),
                _LISTENER,
                Measure("busiest", "text", _busiest, "The loop with most events."),
                Measure("busiest_away", "share", _busiest_away, "Share of the window that it was away from its waits."),
            ),
            lasts_s=5.0,
            healthy=f"Few clients on a server with many workers. {_HEALTHY_REUSEPORT}",
            confirm="View 4, sorted by EVENT/s: the loops of the program side by side.",
            fixes=(
                ("nginx", "`listen ... reuseport`, or `accept_mutex on`."),
                ("haproxy", "`shards by-thread` on `bind`."),
            ),
            reports=("Cloudflare: Why does one NGINX worker take all the load?",),
        ),
    ),
)
