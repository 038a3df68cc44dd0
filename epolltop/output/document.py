"""The snapshot as data: the contract that scripts rely on, schema epolltop.snapshot/1.

Raw numbers with their SI unit in the name, null for unknown, snake_case. Adding is free; renaming or changing a meaning
needs a new schema number. docs/snapshot.md describes each member.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from typing import Any

from epolltop.model.batch import Event, Kind, Source, Syscall
from epolltop.model.snapshot import Instance, ProcessRow, Snapshot
from epolltop.query.fields import flag_names
from epolltop.text import timestamp

SCHEMA = "epolltop.snapshot/1"

Json = dict[str, Any]


def snapshot_document(
    snapshot: Snapshot, shown: Sequence[ProcessRow], *, events: Iterable[Event] | None = None
) -> Json:
    """One snapshot.

    Args:
        snapshot: what is known; without a window its counts and rates are unknown.
        shown: its processes after filter, sort and cut.
        events: records to include.
    """
    totals, counted = snapshot.totals, snapshot.window_s > 0
    document: Json = {
        "schema": SCHEMA,
        "taken_at": timestamp(snapshot.wall_ns, utc=True),
        "clocks": {"boottime_ns": snapshot.now_ns, "realtime_ns": snapshot.wall_ns},
        "observed_s": round(snapshot.observed_s, 6),
        "window_s": round(snapshot.window_s, 6),
        "host": snapshot.source.host._asdict(),
        "source": source_document(snapshot.source),
        "self": {**snapshot.cost._asdict(), "cpu_share": round(snapshot.cpu_share, 6)},
        "totals": {
            "processes": len(snapshot.processes),
            "shown": len(shown),
            "instances": snapshot.open,
            "in_flight": snapshot.in_flight,
            **_counts(
                counted,
                created=totals.created,
                released=totals.released,
                create_failed=totals.failed,
                released_by_kernel=totals.released_by_kernel,
                create_per_s=round(snapshot.create_per_s, 3),
                release_per_s=round(snapshot.release_per_s, 3),
            ),
        },
        "unheld": [_instance(instance, (), snapshot) for instance in snapshot.unheld],
        "processes": [_process(row, snapshot, counted=counted) for row in shown],
    }
    if events is not None:
        document["events"] = [event_document(event, snapshot) for event in events]
    return document


def source_document(source: Source) -> Json:
    """Where the facts come from."""
    return {
        "kind": source.kind,
        "exact": source.exact,
        "fallback": source.fallback or None,
        "census_by": source.census_by,
        "unreadable": source.unreadable,
        "probes": [
            {"name": probe.name, "attached_to": probe.attached_to, "traces": probe.traces} for probe in source.probes
        ],
        "blind_spots": list(source.blind_spots),
        "events": source.events,
        "sampled_out": source.sampled_out,
        "untold_releases": source.untold_releases,
        "lost": source.lost,
        "overflowed": source.overflowed,
    }


def event_document(event: Event, snapshot: Snapshot) -> Json:
    """One event. Flat names are those of Tracee's trace.Event up to v0.23; what it does not know stands in "epoll"."""
    name = "size" if event.syscall is Syscall.EPOLL_CREATE else "flags"
    is_call = event.kind in (Kind.CREATE, Kind.CREATE_FAILED)
    args = [{"name": name, "type": "int", "value": _signed(event.argument)}] if is_call else []
    return {
        "timestamp": snapshot.wall_of(event.time_ns),
        "processId": event.pid or None,
        "threadId": event.tid or None,
        "parentProcessId": event.ppid or None,
        "userId": event.uid,
        "cgroupId": event.cgroup or None,
        "processName": event.name or None,
        "hostName": snapshot.source.host.hostname,
        "eventName": event.syscall.name.lower() if is_call and event.syscall else _NAMES[event.kind],
        "argsNum": len(args),
        "returnValue": (-event.errno if event.errno else event.fd) if is_call else None,
        "args": args,
        "epoll": {
            "kind": event.kind.name.lower(),
            "id": event.instance,
            "fd": event.fd,
            "errno": errno.errorcode.get(event.errno, str(event.errno)) if event.errno else None,
            "created_at": timestamp(snapshot.wall_of(event.created_ns), utc=True) if event.created_ns else None,
            "lifetime_ns": event.lifetime_ns,
            "process_start_ticks": event.start or None,
            "by_kernel": event.by_kernel,
            "by_census": event.by_census,
        },
    }


_NAMES = {
    Kind.CREATE: "epoll_create1",
    Kind.CREATE_FAILED: "epoll_create1",
    Kind.RELEASE: "files_free",
    Kind.FOUND: "epoll_found",
    Kind.GONE: "epoll_gone",
}


def _process(row: ProcessRow, snapshot: Snapshot, *, counted: bool) -> Json:
    started = row.started_ns
    return {
        "pid": row.pid,
        "ppid": row.ppid,
        "name": row.name,
        "command": row.command,
        "uid": row.uid,
        "user": row.user,
        "cgroup": row.cgroup,
        "started_at": timestamp(snapshot.wall_of(started), utc=True) if started is not None else None,
        "ended": row.ended,
        "fds": row.fds,
        "fd_limit": row.fd_limit,
        "open": row.open,
        **_counts(
            counted,
            created=row.created,
            released=row.released,
            create_failed=row.failed,
            sampled_out=row.sampled_out,
            create_per_s=round(row.create_per_s, 3),
            release_per_s=round(row.release_per_s, 3),
        ),
        "instances": [_instance(instance, instance.fds_of(row.key), snapshot) for instance in row.instances],
    }


def _instance(instance: Instance, fds: Sequence[int], snapshot: Snapshot) -> Json:
    created, argument = instance.created_ns, instance.argument
    return {
        "id": instance.id,
        "fds": list(fds),
        "holders": [holder.process.pid for holder in instance.holders],
        "provenance": instance.provenance.value,
        "created_at": timestamp(snapshot.wall_of(created), utc=True) if created is not None else None,
        "age_s": round((snapshot.now_ns - created) / 1e9, 6) if created is not None else None,
        "creator": instance.creator.pid if instance.creator else None,
        "size": _signed(argument) if instance.syscall is Syscall.EPOLL_CREATE else None,
        "flags": list(flag_names(argument))
        if instance.syscall is Syscall.EPOLL_CREATE1 and argument is not None
        else None,
        "watches": instance.watches,
    }


def _counts(counted: bool, **values: float) -> Json:
    return {name: value if counted else None for name, value in values.items()}


def _signed(argument: int | None) -> int | None:
    """The int that the program passed: probes hand over its 32 bits."""
    return None if argument is None else argument - (1 << 32) if argument >= 1 << 31 else argument
