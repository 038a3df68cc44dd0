"""The snapshot as data: the contract that scripts rely on, schema epolltop.snapshot/1.

Raw numbers with their SI unit in the name, null for unknown, snake_case. Adding is free; renaming or changing a meaning
needs a new schema number. What stands about a process or an instance follows from the fields (query/members.py).
docs/snapshot.md describes each member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from epolltop.model.batch import Event, ProcessKey, Source
from epolltop.model.bounds import EVENTS_MAX, FIRST_HOLDERS, HOLDERS_MAX
from epolltop.model.limits import ONLY_PROC, Limit
from epolltop.model.snapshot import Instance, ProcessRow, Snapshot
from epolltop.output.jsontext import Json
from epolltop.output.report import Report
from epolltop.query.derived_limits import limits_of
from epolltop.query.event_record import event_record
from epolltop.query.filter import everything
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.limit_catalogue import remedy, severity, words
from epolltop.query.member import Member, rounded
from epolltop.query.members import INSTANCE_MEMBERS, PROCESS_MEMBERS, first_holders
from epolltop.query.view import EVENTS, INSTANCES, PROCESSES
from epolltop.text.numbers import timestamp
from epolltop.text.safe import safe

SCHEMA = "epolltop.snapshot/1"

_InstanceMembers: TypeAlias = tuple[Member[InstanceOf], ...]


def snapshot_document(report: Report[Any]) -> Json:
    """One snapshot, its long arrays as generators; if it has no window, its counts and rates are unknown."""
    snapshot = report.snapshot
    listed = _listed(report)
    totals, counted, whole = snapshot.totals, snapshot.window_s > 0, snapshot.of or snapshot.extent
    members = _instance_members(listed)
    document: Json = {
        "schema": SCHEMA,
        "taken_at": timestamp(snapshot.wall_ns, utc=True),
        "clocks": {"boottime_ns": snapshot.now_ns, "realtime_ns": snapshot.wall_ns},
        "observed_s": round(snapshot.observed_s, 6),
        "window_s": round(snapshot.window_s, 6),
        "census_age_s": rounded(snapshot.census_age_s, 6),
        "host": snapshot.source.host._asdict(),
        "source": source_document(snapshot.source),
        "limits": limit_documents(limits_of(snapshot)),
        "view": _view(report),
        "self": {**snapshot.cost._asdict(), "cpu_share": round(snapshot.cpu_share, 6)},
        "totals": {
            "processes": whole.processes,
            "holding": whole.holding,
            "shown": len(listed.processes),
            "instances": whole.instances,
            "in_flight": whole.in_flight,
            **_counts(
                counted,
                created=totals.created,
                released=totals.released,
                create_failed=totals.failed if snapshot.source.knows("failed") else None,
                released_by_kernel=totals.released_by_kernel,
                create_per_s=rounded(snapshot.create_per_s),
                release_per_s=rounded(snapshot.release_per_s),
            ),
            "exact": snapshot.exact,
            "unseen_creations": snapshot.unseen,
            "partly_listed": snapshot.partly_listed,
        },
        "processes": (_process(row, held, snapshot, members) for row, held in listed.processes),
    }
    if snapshot.absent:
        document["absent_pids"] = list(snapshot.absent)
    if listed.in_flight:
        document["in_flight"] = (
            _instance(InstanceOf(instance, None), snapshot, members) for instance in listed.in_flight
        )
    if listed.events is not None:
        document["events"] = (event_record(event, snapshot) for event in listed.events)
        document["events_left_out"] = max(0, snapshot.journal_end - len(listed.events))
    return document


class _Listed(NamedTuple):
    """What of a snapshot stands in its document."""

    processes: Sequence[tuple[ProcessRow, Sequence[Instance]]]
    in_flight: Sequence[Instance]
    events: Sequence[Event] | None = None

    @property
    def holders(self) -> int:
        """Of all instances, under each process that holds them."""
        return sum(len(instance.holders) for _, held in self.processes for instance in held)

    def telling(self, events: Sequence[Event]) -> _Listed:
        """With the last of these events."""
        return self._replace(events=events[-EVENTS_MAX:])


def _listed(report: Report[Any]) -> _Listed:
    """The rows, and for context what they belong to."""
    snapshot, view = report.snapshot, report.view
    if view.subject.id == EVENTS.id:
        whole = _Listed([(row, row.instances) for row in PROCESSES.rows(snapshot)], snapshot.unheld)
        return whole.telling(report.rows)
    chosen = _chosen(report)
    # Which processes are chosen says nothing about instances that nobody holds.
    listed = chosen if view.subject.id == INSTANCES.id else chosen._replace(in_flight=snapshot.unheld)
    if report.events is None:
        return listed
    if _is_everything(listed, report):
        return listed.telling(report.events)
    return listed.telling(list(filter(_about(chosen), report.events)))


def _chosen(report: Report[Any]) -> _Listed:
    if report.view.subject.id == INSTANCES.id:  # of one process, too
        return _holding(report.rows)
    return _Listed([(row, row.instances) for row in report.rows], ())


def _about(chosen: _Listed) -> Callable[[Event], bool]:
    """Whether one of these processes acted, or one of these instances is meant."""
    processes = {row.key for row, _ in chosen.processes}
    files = {(each.file, each.since_ns) for _, held in chosen.processes for each in held}
    files.update((each.file, each.since_ns) for each in chosen.in_flight)
    return lambda event: event.process in processes or (event.file, event.since_ns) in files


def _is_everything(listed: _Listed, report: Report[Any]) -> bool:
    """Whether nothing was chosen: what has ended is in no row, and its events go along only then."""
    held = sum(len(instances) for _, instances in listed.processes) + len(listed.in_flight)
    there = sum(len(row.instances) for row in report.snapshot.processes) + report.snapshot.in_flight
    return report.view.filter is everything and held == there


def _holding(rows: Iterable[InstanceOf]) -> _Listed:
    """Each holder with those of its instances that are among the rows, and what nobody holds, in the order of rows."""
    processes: dict[ProcessKey, tuple[ProcessRow, list[Instance]]] = {}
    in_flight = []
    for instance, process in rows:
        if process is None:
            in_flight.append(instance)
        else:
            processes.setdefault(process.key, (process, []))[1].append(instance)
    return _Listed(tuple(processes.values()), in_flight)


def _view(report: Report[Any]) -> Json:
    view = report.view
    return {
        "of": view.subject.id,
        "filter": safe(report.filter_text.encode("utf-8", "surrogateescape")),
        "sort": view.field.id,
        "descending": view.descending,
        "rows": view.rows,
    }


def source_document(source: Source) -> Json:
    """Where the facts come from."""
    return {
        "kind": source.kind,
        "exact": source.exact,
        "fallback": next((words(limit) for limit in source.limits if limit.id == ONLY_PROC), None),
        "census_by": source.census_by,
        "unreadable": source.unreadable,
        "probes": [
            {"name": probe.name, "attached_to": probe.attached_to, "traces": probe.traces} for probe in source.probes
        ],
        "blind_spots": [words(limit) for limit in source.limits if limit.id != ONLY_PROC],
        "events": source.events,
        "sampled_out": source.sampled_out,
        "failed_sampled_out": source.failed_sampled_out,
        "untold_releases": source.untold_releases,
        "lost": source.lost,
        "overflowed": source.overflowed,
        "unattributed": source.unattributed,
        "missed": source.missed,
        "stacks_left_out": source.stacks_left_out,
        "sees_compat": source.sees_compat,
    }


def limit_documents(limits: Iterable[Limit]) -> list[Json]:
    """What cannot be seen, as ids and numbers; the words are in `blind_spots` or made by whoever shows it."""
    return [
        {
            "id": limit.id,
            "severity": severity(limit),
            "remedy": remedy(limit) or None,
            "evidence": dict(limit.evidence),
        }
        for limit in limits
    ]


def _process(row: ProcessRow, held: Iterable[Instance], snapshot: Snapshot, members: _InstanceMembers) -> Json:
    document = {member.name: member.get(row, snapshot) for member in PROCESS_MEMBERS}
    document["instances"] = (_instance(InstanceOf(instance, row), snapshot, members) for instance in held)
    return document


def _instance(row: InstanceOf, snapshot: Snapshot, members: _InstanceMembers) -> Json:
    return {member.name: member.get(row, snapshot) for member in members}


def _instance_members(listed: _Listed) -> _InstanceMembers:
    """With all holders of each, or the first where there are very many under each other."""
    if listed.holders <= HOLDERS_MAX:
        return INSTANCE_MEMBERS
    few = first_holders(FIRST_HOLDERS)
    return tuple(few if member.name == few.name else member for member in INSTANCE_MEMBERS)


def _counts(counted: bool, **values: float | None) -> Json:
    return {name: value if counted else None for name, value in values.items()}
