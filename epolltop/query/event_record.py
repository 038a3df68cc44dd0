"""An event as a record with the names that Tracee gave its fields; what it does not know stands in "epoll"."""

from __future__ import annotations

from typing import Any

from epolltop.model.batch import Event, Kind, Syscall
from epolltop.model.snapshot import Snapshot
from epolltop.query.creation import error_name, signed
from epolltop.query.event_fields import event_name
from epolltop.text.numbers import timestamp


def event_record(event: Event, snapshot: Snapshot) -> dict[str, Any]:
    """One event. Flat names are those of Tracee's trace.Event up to v0.23; what it does not know stands in "epoll"."""
    name = "size" if event.syscall is Syscall.EPOLL_CREATE else "flags"
    is_call = event.kind in (Kind.CREATE, Kind.CREATE_FAILED)
    args = [{"name": name, "type": "int", "value": signed(event.argument)}] if is_call else []
    return {
        "timestamp": snapshot.wall_of(event.time_ns),
        "processId": event.pid or None,
        "threadId": event.tid or None,
        "parentProcessId": event.ppid or None,
        "userId": event.uid,
        "cgroupId": event.cgroup or None,
        "processName": event.name or None,
        "hostName": snapshot.source.host.hostname,
        "eventName": event_name(event),
        "argsNum": len(args),
        "returnValue": (-event.errno if event.errno else event.fd) if is_call else None,
        "args": args,
        "epoll": {
            "kind": event.kind.name.lower(),
            "id": event.instance,
            "fd": event.fd,
            "errno": error_name(event),
            "created_at": timestamp(snapshot.wall_of(event.created_ns), utc=True) if event.created_ns else None,
            "lifetime_ns": event.lifetime_ns,
            "process_start_ticks": event.start or None,
            "by_kernel": event.by_kernel,
            "by_census": event.by_census,
            "stack": list(event.stack) or None,
        },
    }
