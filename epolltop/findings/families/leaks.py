"""Processes whose instances or descriptors become more and more, or come and go for each request."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from epolltop.findings.loop_case import LoopCase
from epolltop.findings.process_case import ProcessCase
from epolltop.findings.rule import Condition, Family, Measure, Rule, Threshold
from epolltop.model.finding import Severity
from epolltop.model.instance import Instance
from epolltop.model.levels import growing_s, level_at
from epolltop.model.watch import TargetKind

_WATCHED_AS = {
    "socket": {TargetKind.TCP, TargetKind.UDP, TargetKind.UNIX, TargetKind.NETLINK, TargetKind.SOCKET},
    "pipe": {TargetKind.PIPE},
    "eventfd": {TargetKind.EVENTFD},
    "timerfd": {TargetKind.TIMERFD},
    "inotify": {TargetKind.INOTIFY},
}
"""The kinds of descriptors that are opened to be waited for."""
_CREATING = ("epoll_create", "syscall", "__epoll_create")


def _net_per_s(case: ProcessCase) -> float | None:
    """By what it holds, because others may release what it created."""
    then = case.before
    if then is None or not case.window_s or case.row.partly_listed or then.partly_listed:
        return None
    return (case.row.open - then.open) / case.window_s


def _net_per_min(case: ProcessCase) -> float | None:
    growth, net_per_s = case.row.growth, _net_per_s(case)
    if growth is None:
        return None if net_per_s is None else net_per_s * 60
    return max(growth.net_per_min, growth.net_per_h / 60)


def _unused(case: ProcessCase) -> int | None:
    """How many of its instances no thread waits on, or did in the window."""
    if not case.window_s or not case.now.source.sees("waits"):
        return None
    return sum(not any(map(_attends, _loops(case, each))) for each in case.row.instances)


def _attends(loop: LoopCase) -> bool:
    """Whether its thread is in a turn with the instance, or was in the window."""
    return loop.row.turn is not None or not loop.row.did.is_at_rest


def _loops(case: ProcessCase, instance: Instance) -> Sequence[LoopCase]:
    """The threads of all processes that wait on it."""
    return case.cases.loops_on(instance)


def _never_waited(case: ProcessCase) -> float | None:
    """The share of those whose creation was seen."""
    seen = [each for each in case.row.instances if each.created_ns]
    if not seen or not case.now.source.sees("waits"):
        return None
    return sum(not _loops(case, each) for each in seen) / len(seen)


def _created_at(case: ProcessCase) -> str | None:
    """The function that created most of its instances."""
    stacks = Counter(each.stack for each in case.row.instances if each.stack)
    if not stacks:
        return None
    (stack, _), *_ = stacks.most_common(1)
    return next((frame for frame in stack if not frame.startswith(_CREATING)), stack[0])


def _growing_s(case: ProcessCase) -> float | None:
    growth = case.row.growth
    return growing_s(growth.steps, case.now.now_ns, operator.attrgetter("open")) if growth else None


def _of_kind(case: ProcessCase) -> int | None:
    growing = case.growing_kind
    return int(getattr(case.row.descriptors, growing.kind)) if growing and case.row.descriptors else None


def _unwatched(case: ProcessCase) -> int | None:
    """Those of the kind that no instance watches and no thread can wait for; what is not known counts as watched."""
    growing, growth, threads, kinds = case.growing_kind, case.row.growth, case.row.facts.threads, case.row.descriptors
    if growing is None or growing.kind not in _WATCHED_AS or case.row.partly_listed or case.row.more_instances:
        return None
    if growth is None or threads is None or kinds is None or kinds.io_uring:
        return None
    may_be, watched, read_ns = {*_WATCHED_AS[growing.kind], TargetKind.UNKNOWN}, 0, case.now.now_ns
    for instance in case.row.instances:
        if instance.interest is None:
            return None
        watched += instance.interest.more + sum(each.target.kind in may_be for each in instance.interest.watches)
        read_ns = min(read_ns, instance.interest.at_ns)
    then = level_at(growth.steps, read_ns).kinds  # what came after that may be watched
    return None if then is None else int(getattr(then, growing.kind)) - watched - threads


def _ends(case: ProcessCase) -> float | None:
    """The share of what was created in the window that is gone again."""
    created, released = case.counter_per_s("created"), case.counter_per_s("released")
    return released / created if created and released is not None else None


_OPEN = Measure[ProcessCase]("open", "count", lambda case: case.row.open, "Instances that it holds.")
_LEFT = Measure[ProcessCase](
    "fd_limit_in_s", "seconds", lambda case: case.row.fd_limit_in_s, "Time until its descriptors reach the limit."
)
_PER_MIN = Measure[ProcessCase](
    "net_per_min",
    "per_min",
    _net_per_min,
    "Instances more a minute, over the last minute or hour, the faster; over the window if it is not known for longer.",
)
_NET = Measure("net_per_s", "per_s", _net_per_s, "Instances more a second, in the window.")
_UNUSED = Measure("unused", "count", _unused, "Instances that no thread waits on now, or did in the window.")
_NEVER = Measure(
    "never_waited", "share", _never_waited, "Share of those whose creation was seen that nobody ever waited on."
)
_STEADY = Measure[ProcessCase](
    "growing_s",
    "seconds",
    _growing_s,
    "How long they grow steadily: in each minute, or in each ten minutes; an hour at most.",
)
_CREATED_AT = Measure("created_at", "text", _created_at, "Function that created most of them; with --stacks.")

_SOON = (Condition(_LEFT, at_most=Threshold("leak.limit_s", 600, "Ten minutes to do something about it.")),)
_STEADILY_S = Threshold("leak.growing_s", 300, "Five minutes in a row. Load rises and falls from one to the next.")

_FAST_LEAK = Rule[ProcessCase](
    id="instance-leak",
    severity=Severity.WARN,
    brief="leak: {net_per_min}/min",
    sentence="{net_per_min} instances a minute more are created than released; it holds {open}",
    means="Each instance takes a descriptor; at the limit every open, accept and socket fails (EMFILE).",
    cause="Selectors or loops that are made and never closed.",
    fix="Close each one, or keep one for the whole program.",
    conditions=(
        Condition(_NET, at_least=Threshold("leak.net_per_s", 0.5, "Less is told by the minute.")),
        Condition(_UNUSED, at_least=Threshold("leak.unused", 5, "Loops that a program starts are waited on.")),
    ),
    graver=_SOON,
    evidence=(_OPEN, _NEVER, _LEFT, _CREATED_AT),
    lasts_s=5.0,
    healthy="A program that starts makes its loops within seconds, and waits on them. One with a loop for each client "
    "has more of them under rising load: it counts only after five minutes without a pause, and is not certain.",
    confirm="--stacks shows where the instances were created; view 2 shows their ages.",
    fixes=(
        ("Python", "`with selectors.DefaultSelector() as selector`, `asyncio.run`, or `loop.close()`."),
        ("Java and Netty", "`Selector.close()`; one `EventLoopGroup` for all clients, and `shutdownGracefully()`."),
    ),
    reports=("waydroid/waydroid#2357", "netty/netty#3120", "pika/pika#772", "spotify/folsom#104"),
)
GROWTH: Family[ProcessCase] = Family(
    name="leak",
    of="process",
    gate=(Condition(_PER_MIN, at_least=Threshold("leak.net_per_min", 0.1, "As many as grow in each ten minutes.")),),
    rules=(
        _FAST_LEAK,
        replace(
            _FAST_LEAK,
            conditions=(Condition(_STEADY, at_least=_STEADILY_S),),
            evidence=(_OPEN, _UNUSED, _NEVER, _LEFT, _CREATED_AT),
            certain=lambda case: (_unused(case) or 0) * 2 >= case.row.open,
        ),
    ),
)

_KIND = Measure[ProcessCase](
    "kind",
    "text",
    lambda case: case.growing_kind and case.growing_kind.kind,
    "The kind that grows: of those that grow steadily, the fastest.",
)
_OF_KIND = Measure("of_kind", "count", _of_kind, "Descriptors of that kind.")
_KIND_STEADY = Measure[ProcessCase](
    "growing_s",
    "seconds",
    lambda case: case.growing_kind and case.growing_kind.growing_s,
    "How long they grow steadily: in each ten seconds, each minute or each ten minutes; an hour at most.",
)
_UNWATCHED = Measure(
    "unwatched",
    "count",
    _unwatched,
    "Of these, at least as many are neither watched by an instance nor can a thread wait for them.",
)
_FDS_PER_MIN = Measure[ProcessCase](
    "per_min", "per_min", lambda case: case.growing_kind and case.growing_kind.per_min, "Rise of that kind a minute."
)
_FORGOTTEN = Rule[ProcessCase](
    id="descriptor-leak",
    severity=Severity.WARN,
    brief="leak: {per_min} {kind}/min",
    sentence="{per_min} descriptors of kind {kind} a minute more are opened than closed; it has {of_kind}",
    means="At the limit every open, accept and socket fails (EMFILE).",
    cause="Descriptors that are opened and never closed, such as connections that the other side has closed long ago.",
    fix="Close each one on every way out, also after errors and timeouts.",
    conditions=(
        Condition(
            _UNWATCHED,
            at_least=Threshold("leak.unwatched", 20, "A pool of spare connections is about as large."),
        ),
    ),
    graver=_SOON,
    evidence=(_KIND, _OF_KIND, _LEFT),
    certain=lambda case: (
        case.growing_kind is not None and case.growing_kind.growing_s >= case.cases.settings.of(_STEADILY_S)
    ),
    healthy="Connections under rising load: a loop watches them, or a thread waits for each. Caches of open files: "
    "they stop at their size. What is watched, and files, are only a note, after five minutes without a pause.",
    confirm="`ss -tp state close-wait` shows connections that only this side has open; `lsof -p PID` shows the rest.",
    reports=("OpenSmalltalk/opensmalltalk-vm#684", "http-kit/http-kit#326", "nodejs/node#11307"),
)
DESCRIPTORS: Family[ProcessCase] = Family(
    name="descriptors",
    of="process",
    needs_list=True,
    gate=(
        Condition(_FDS_PER_MIN, at_least=Threshold("leak.fds_per_min", 0.1, "As many as grow in each ten minutes.")),
        Condition(_KIND_STEADY, at_least=Threshold("leak.fds_growing_s", 30, "In each ten seconds, at least.")),
    ),
    rules=(
        _FORGOTTEN,
        replace(
            _FORGOTTEN,
            severity=Severity.INFO,
            conditions=(
                Condition(_KIND_STEADY, at_least=_STEADILY_S),
                Condition(
                    _LEFT, at_most=Threshold("leak.fds_limit_s", 3600, "An hour: what grows by load has stopped.")
                ),
            ),
            graver=(),
            certain=False,
        ),
    ),
)

_CREATED = Measure[ProcessCase](
    "created_per_s", "per_s", lambda case: case.counter_per_s("created"), "Instances created, a second."
)
_ENDS = Measure("released_share", "share", _ends, "As many of them are released in the same window.")
_GOES = Condition(_ENDS, at_least=Threshold("churn.released_percent", 90, "Otherwise they are kept."))
_PER_REQUEST = Rule[ProcessCase](
    id="loop-per-request",
    severity=Severity.WARN,
    brief="{created_per_s} loops/s made",
    sentence="{created_per_s} instances a second are created and released again",
    means="Create, add, wait and close take 1.5 us of CPU in C, and tens of them in Python or Java, for each.",
    cause="A selector or loop for each request, or for each wait.",
    fix="Keep one for the thread.",
    conditions=(
        Condition(
            _CREATED, at_least=Threshold("churn.costs_per_s", 10_000, "From 1.5% of a core in C to 50% in Java.")
        ),
        _GOES,
    ),
    evidence=(_OPEN, _CREATED_AT),
    lasts_s=5.0,
    healthy="PostgreSQL makes a set for each wait in places. Below ten thousand a second it is only a note.",
    confirm="--stacks shows where the instances are created.",
    fixes=(("Python", "One `asyncio.run` for the program, not one for each request; keep the selector."),),
    reports=("netty/netty#3120",),
)
CHURN: Family[ProcessCase] = Family(
    name="churn",
    of="process",
    rules=(
        _PER_REQUEST,
        replace(
            _PER_REQUEST,
            severity=Severity.INFO,
            conditions=(
                Condition(_CREATED, at_least=Threshold("churn.created_per_s", 10, "Nobody starts as many by hand.")),
                _GOES,
            ),
        ),
    ),
)
