"""Whether the events that a loop gets lead to anything: what the program took of what it was told about.

The kernel counts that of a TCP connection, to a byte, and of files that are read by read(2), by the calls of the whole
process. Of a Unix socket it tells how much waits to be read. Of all else it tells nothing, so nothing is known.
"""

from __future__ import annotations

from select import EPOLLIN, EPOLLOUT
from typing import NamedTuple

from epolltop.findings.hot_events import HotEvent
from epolltop.findings.loop_case import LoopCase
from epolltop.model.watch import InterestList, TargetKind, Watch

BY_CALLS = frozenset(
    {
        TargetKind.PIPE,
        TargetKind.FIFO,
        TargetKind.EVENTFD,
        TargetKind.TIMERFD,
        TargetKind.SIGNALFD,
        TargetKind.INOTIFY,
        TargetKind.FANOTIFY,
        TargetKind.TTY,
    }
)
"""What programs take by read(2) and give by write(2)."""
_ALIKE_MAX = 16
"""Watches with the same data of which the event may be."""


class Outcome(NamedTuple):
    """What a loop made of its events between two looks."""

    per_wait: float
    """How often something was taken, a wait; 1 if it is only known that something was."""
    is_counted: bool
    """By the kernel: 0 means that nothing was taken. Otherwise that nothing was seen of it."""


def taken(case: LoopCase) -> Outcome | None:
    """Of the watches that come first again and again; None if that is not known."""
    event, watches = case.hot_event, case.hot_watches or ()
    if event is None or not 0 < len(watches) <= _ALIKE_MAX:
        return None
    each = [_taken_of(watch, event) for watch in watches]
    known = [one for one in each if one]
    if len(known) < len(each) or (len(each) > 1 and not all(one.is_counted for one in known)):
        return None
    return max(known)


def _taken_of(watch: Watch, event: HotEvent) -> Outcome | None:
    kind, before = watch.target.kind, _as_it_was(watch, event.lists[0])
    if kind is TargetKind.TCP:
        return _streamed(watch, before, event.mask)
    if kind in BY_CALLS:
        return _by_calls(event, is_counted=True)
    if kind is TargetKind.UNIX and before:
        names = [name for name, bit in (("unread", EPOLLIN), ("other_unread", EPOLLOUT)) if event.mask & bit]
        now, then = ([_amount(one, name) for name in names] for one in (watch, before))
        if None in now or (event.mask & EPOLLIN and not now[0]):
            return None
        return _by_calls(event, is_counted=False) if now == then else Outcome(1.0, is_counted=False)
    return None


def _by_calls(event: HotEvent, *, is_counted: bool) -> Outcome | None:
    then, now = event.calls
    if now is None or then is None or now.waits <= then.waits:
        return None
    number = (now.calls.reads - then.calls.reads) * bool(event.mask & EPOLLIN)
    number += (now.calls.writes - then.calls.writes) * bool(event.mask & EPOLLOUT)
    return Outcome(number / (now.waits - then.waits), is_counted)


def _streamed(watch: Watch, before: Watch | None, mask: int) -> Outcome | None:
    """One that moved between the looks may have moved with each wait."""
    names = [name for name, bit in (("read", EPOLLIN), ("written", EPOLLOUT)) if mask & bit] or ["read", "written"]
    amounts = [(_amount(watch, name), _amount(before, name)) for name in names]
    if None in (each for pair in amounts for each in pair):
        return None
    return Outcome(float(any(now != then for now, then in amounts)), is_counted=True)


def _as_it_was(watch: Watch, interest: InterestList | None) -> Watch | None:
    inode = _amount(watch, "inode")
    for each in interest.watches if interest else ():
        same = (each.fd, each.data, each.target.kind) == (watch.fd, watch.data, watch.target.kind)
        if same and _amount(each, "inode") == inode:
            return each
    return None


def _amount(watch: Watch | None, name: str) -> int | str | None:
    return dict(watch.target.details).get(name) if watch else None
