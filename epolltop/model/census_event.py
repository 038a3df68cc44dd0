"""The event of a change that only a census shows."""

from __future__ import annotations

from epolltop.model.event import Event, Kind
from epolltop.model.instance import Instance
from epolltop.model.process import ProcessKey


def census_event(kind: Kind, instance: Instance, at_ns: int) -> Event:
    """FOUND or GONE, for the first holder: who acted, and when exactly, is not known."""
    process = instance.holders[0].process if instance.holders else ProcessKey(0, 0)
    fds = instance.holders[0].fds if instance.holders else ()
    return Event(
        kind=kind,
        time_ns=at_ns,
        file=instance.file,
        created_ns=instance.created_ns or 0,
        pid=process.pid,
        tid=0,
        ppid=0,
        uid=None,
        start=process.start,
        cgroup=0,
        name="",
        fd=fds[0] if fds else None,
        errno=0,
        syscall=instance.syscall,
        argument=instance.argument,
        by_kernel=False,
        since_ns=instance.since_ns,
    )
