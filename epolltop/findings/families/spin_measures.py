"""What rules of spins compare and tell: the event that a loop gets first again and again, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from select import EPOLLERR, EPOLLET, EPOLLHUP, EPOLLONESHOT

from epolltop.findings.loop_case import LoopCase
from epolltop.findings.progress import BY_CALLS, taken
from epolltop.findings.rule import Condition, Measure, Threshold
from epolltop.model.watch import Watch, event_names

_EBADF, _ENOENT = 9, 2
_MEASURED_MIN = 8
"""Waits in a row that were looked at before it is concluded from them what those between them returned."""


def seconds(ns: int | None) -> float | None:
    return None if ns is None else ns / 1e9


def _run(case: LoopCase) -> int | None:
    """In a row; of a loop that is sampled about as many as it was, by those that were looked at."""
    run = case.hot_run
    return run if run is None or run < _MEASURED_MIN else run * case.row.sampled


def _words(mask: int | None) -> str | None:
    return None if mask is None else " ".join(event_names(mask)).replace("EPOLL", "")


def hot_fd(case: LoopCase) -> int | None:
    fds = {watch.fd for watch in case.hot_watches or ()}
    return fds.pop() if len(fds) == 1 else None


def _hot_target(case: LoopCase) -> str | None:
    return case.hot_watch.target.title if case.hot_watch else None


def _kind(case: LoopCase) -> str | None:
    return case.hot_watch.target.kind.word if case.hot_watch else "event"


def mask_is(case: LoopCase, test: Callable[[int], bool]) -> bool | None:
    return None if case.hot_mask is None else test(case.hot_mask)


def all_hot(case: LoopCase, test: Callable[[Watch], bool | None]) -> bool | None:
    """Of all watches that the event may be of; None if it is not known of which it may be."""
    results = [test(watch) for watch in case.hot_watches or ()]
    return False if False in results else None if None in results or not results else True


def _is_level(watch: Watch) -> bool:
    return not watch.events & (EPOLLET | EPOLLONESHOT)


def is_listener(watch: Watch) -> bool:
    return dict(watch.target.details).get("state") == "LISTEN"


def _taken_per_wait(case: LoopCase) -> float | None:
    found = taken(case)
    return found.per_wait if found else None


def _unproven_away(case: LoopCase) -> float | None:
    found = taken(case)
    return None if found is None else 0.0 if found.is_counted else seconds(case.away.quantile(0.5))


def is_stale(case: LoopCase) -> bool | None:
    """Other watches may have the same data. If so, deletions that fail tell that the stale one is it."""
    stale = [watch.stale for watch in case.hot_watches or ()]
    if True not in stale:
        return all_hot(case, lambda watch: watch.stale)
    return all(stale) or _deletes_in_vain(case)


def _deletes_in_vain(case: LoopCase) -> bool | None:
    failed = case.ctl_errors_per_s((_EBADF, _ENOENT))
    return None if failed is None else failed >= 1


def has_ended(case: LoopCase) -> bool | None:
    """A socket may have an error again and again that is taken from it, and goes on."""
    if case.hot_mask is None or case.hot_mask & EPOLLHUP or not case.hot_mask & EPOLLERR:
        return mask_is(case, lambda mask: bool(mask & EPOLLHUP))
    if case.hot_watch and case.hot_watch.target.kind in BY_CALLS:
        return True
    found = taken(case)
    return None if found is None else found.is_counted and not found.per_wait


def descriptors_left(case: LoopCase) -> int | None:
    fds, limit = case.process.facts.fds, case.process.facts.fd_limit
    return None if fds is None or limit is None else max(0, limit - fds)


def processes_of(case: LoopCase) -> int | None:
    """That wait on the instance, and the one that created it."""
    instance = case.instance
    if instance is None or len(instance.holders) < 2:
        return None if instance is None else len(instance.holders)
    waiting = {other.process.key for other in case.cases.loops_on(instance)}
    return len(waiting | ({instance.creator} if instance.creator else set()))


def added(case: LoopCase) -> float | None:
    """Watches that were added, a wait."""
    added = case.ctl_per_s("add")
    return added / case.waits_per_s if added is not None and case.waits_per_s else None


def rearms(case: LoopCase) -> float | None:
    """Watches that were deleted and added, or modified."""
    added, deleted, modified = (case.ctl_per_s(each) for each in ("add", "delete", "mod"))
    if added is None or deleted is None or modified is None or not case.waits_per_s:
        return None
    return (min(added, deleted) + modified) / case.waits_per_s


WAITS = Measure[LoopCase](
    "waits_per_s", "per_s", lambda case: case.waits_per_s, "Waits that returned, a second.", reach="waits_per_s"
)
WAIT = Measure[LoopCase](
    "median_wait_s", "seconds", lambda case: seconds(case.waiting.quantile(0.5)), "Median time in a wait."
)
_RUN = Measure[LoopCase](
    "run", "count", _run, "Waits in a row with the same event first; about as many if only some of them are measured."
)
_MASK = Measure[LoopCase]("events", "text", lambda case: _words(case.hot_mask), "The events that come first each time.")
_FD = Measure[LoopCase]("fd", "id", hot_fd, "Descriptor that the event is for.")
_TARGET = Measure[LoopCase]("target", "text", _hot_target, "What that is.")
_KIND = Measure[LoopCase]("kind", "text", _kind, "Which kind of target that is.")
BUSY = Measure[LoopCase]("busy", "share", lambda case: case.busy, "Share of the time that it is away from its waits.")
EVIDENCE = (_MASK, _FD, _TARGET, _KIND, BUSY)

WAITS_MIN = Threshold("spin.waits_per_s", 1000, "Below that a spin costs little.")
AWAY_MAX = Threshold(
    "spin.median_away_us", 20, "A program in C that takes nothing is back sooner; one that copies data is not."
)
SAME_EVENT = Condition(_RUN, at_least=Threshold("spin.run", 512, "Netty rebuilds a selector after as many."))
NOTHING_TAKEN = (
    Condition(
        Measure(
            "taken_per_wait",
            "count",
            _taken_per_wait,
            "Calls of read(2) or write(2) of all holders, a wait. Of a TCP connection 0 if no byte of it was read or "
            "written in the window, else 1; of other sockets 1 if the number of unread bytes changed.",
        ),
        at_most=Threshold(
            "spin.taken_per_wait", 0.05, "A loop that takes what comes reads once a wait, or more often."
        ),
    ),
    Condition(
        Measure(
            "unproven_away_s",
            "seconds",
            _unproven_away,
            "Median time between two waits; 0 if the kernel counts what is taken, as of TCP, pipes and timers.",
        ),
        at_most=AWAY_MAX,
    ),
)
LEVEL = Condition(
    Measure[LoopCase](
        "level", "truth", lambda case: all_hot(case, _is_level), "The watch is level-triggered, so that events stay."
    )
)


def is_counted(case: LoopCase) -> bool:
    found = taken(case)
    return found is not None and found.is_counted
