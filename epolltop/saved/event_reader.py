"""The events of a snapshot file: records under Tracee's names made events again."""

from __future__ import annotations

from collections.abc import Mapping

from epolltop.model.event import Event, Kind, Syscall
from epolltop.query.creation import error_number, unsigned
from epolltop.query.event_record import EPOLL, EVENT
from epolltop.saved.read_back import read_back, told
from epolltop.saved.snapshot_form import Written
from epolltop.saved.two_clocks import TwoClocks

_KINDS: Mapping[str, Kind] = {kind.name.lower(): kind for kind in Kind}
_CALLS: Mapping[str, Syscall] = {call.name.lower(): call for call in Syscall if call}


def read_event(written: Written, clocks: TwoClocks) -> Event:
    """One event; ValueError: it is of an unknown kind, or none that can have happened."""
    epoll = written.epoll
    if epoll.kind not in _KINDS:
        raise ValueError("an event of an unknown kind")
    file, _, since_ns = (epoll.id or "0@0").partition("@")
    time_ns = clocks.boot_ns(written.timestamp)
    # Only calls are named by a system call, and only they have arguments.
    arguments = [each.value for each in written.args]
    own = {
        "kind": _KINDS[epoll.kind],
        "time_ns": time_ns,
        "file": int(file, 16),
        "since_ns": int(since_ns),
        "created_ns": _created_ns(epoll, int(since_ns), time_ns, clocks),
        "errno": error_number(epoll.errno) if epoll.errno else 0,
        "syscall": _CALLS.get(written.eventName, Syscall.UNKNOWN),
        "argument": unsigned(arguments[0]) if arguments else None,
    }
    return read_back(EVENT, written, Event, **(told(EPOLL, epoll, Event) | own))


def _created_ns(epoll: Written, since_ns: int, time_ns: int, clocks: TwoClocks) -> int:
    """As exactly as the file tells: to the nanosecond where it tells an id or a lifetime."""
    if epoll.created_at is None:
        return 0
    if epoll.lifetime_ns is not None:
        return int(time_ns - epoll.lifetime_ns)
    return since_ns or clocks.boot_ns_at(epoll.created_at)
