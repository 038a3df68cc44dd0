"""A view: which rows of a snapshot, in which order, and how many.

A view is one declaration, a `Subject` in `SUBJECTS`: its key, help, table, detail and choice of --view follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Generic, overload

from epolltop.model.event import Event
from epolltop.model.finding import Finding
from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.loop_of import LoopOf, loops_of
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.by_process import ByProcess, all_processes
from epolltop.query.empty_views import no_instance, no_loop, no_watch, not_journalled, nothing_yet
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import Field, lookup
from epolltop.query.filter import Predicate, everything
from epolltop.query.finding_fields import FINDING_FIELDS
from epolltop.query.instance_fields import HELD_FIELDS, INSTANCE_FIELDS, InstanceOf
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.member import Row
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.verdict import verdict
from epolltop.query.watch_fields import WATCH_FIELDS
from epolltop.query.watch_of import WatchOf, watches_of
from epolltop.query.watches_read import ROWS_MAX

_PART = 8192
"""Rows that are sorted in 1 to 5 ms."""


@dataclass(frozen=True)  # no slots: with them Subject[Row](...) raises in Python 3.11
class Subject(Generic[Row]):
    """A kind of row that a snapshot has."""

    id: str
    """As --view takes it."""
    title: str
    """As headings have it."""
    help: str
    """What its rows are, in a sentence."""
    row_type: type[Row]
    """The type of its rows; no other subject has it."""
    fields: tuple[Field[Row], ...]
    rows: Callable[[Snapshot], Sequence[Row]]
    """All of them, in the order that equal rows keep."""
    key: Callable[[Row], Hashable]
    """The identity of a row from one snapshot to the next."""
    sort: str
    """Name of the field that rows are sorted by unless others are chosen."""
    empty: Callable[[Snapshot], str]
    """Why there are no rows."""
    ordered: bool = False
    """Whether it is a journal: its rows are already sorted by that field, and earlier rows stay."""
    companions: tuple[str, ...] = ()
    """Ids of subjects with a table below this one, for the row under the cursor; if empty, its detail is beside it."""


class NewestFirst(Sequence[Event]):
    """The journal of a snapshot in reverse, without a copy."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._journal = snapshot.journal

    def __len__(self) -> int:
        return len(self._journal)

    def __iter__(self) -> Iterator[Event]:
        return reversed(self._journal)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Event]: ...
    def __getitem__(self, at: int | slice) -> Event | Sequence[Event]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._journal[-(at % len(self)) - 1]


def processes_of(rows: Iterable[Any]) -> frozenset[ProcessKey]:
    """The processes that rows of any subject are about."""
    keys = (
        row.key
        if isinstance(row, ProcessRow)
        else row.about.process
        if isinstance(row, Finding)
        else getattr(row, "process", None)
        for row in rows
    )
    return frozenset(key.key if isinstance(key, ProcessRow) else key for key in keys if key is not None)


def held_instances(snapshot: Snapshot, process: ProcessKey | None = None) -> list[Instance]:
    """Those that one process holds, or all do: an instance that several hold is there several times."""
    return [each for row in snapshot.processes if process in (None, row.key) for each in row.instances]


def instances(row: ProcessRow) -> tuple[InstanceOf, ...]:
    """The instances that the process holds, by their lowest descriptor."""
    held = [(instance.fds_of(row.key), instance) for instance in row.instances]
    held.sort(key=lambda each: (not each[0], each[0], each[1].file))
    return tuple(InstanceOf(instance, row) for _, instance in held)


def instances_of(process: ProcessKey) -> Subject[InstanceOf]:
    """The instances that one process holds."""

    def rows(snapshot: Snapshot) -> Sequence[InstanceOf]:
        row = snapshot.row_of(process)
        return instances(row) if row else ()

    return replace(INSTANCES, fields=HELD_FIELDS, rows=rows)


def events_of(key: InstanceKey) -> Subject[Event]:
    """The events of one instance in the journal."""
    file, since_ns = key

    def rows(snapshot: Snapshot) -> Sequence[Event]:
        return [event for event in NewestFirst(snapshot) if event.file == file and event.since_ns == since_ns]

    return replace(EVENTS, rows=rows, empty=not_journalled)


_held_by_processes = ByProcess(lambda process: [InstanceOf(instance, process) for instance in process.instances])


def _all_instances(snapshot: Snapshot) -> Sequence[InstanceOf]:
    """One row for each holder of each instance; instances without a holder come last."""
    rows = _held_by_processes(snapshot)
    rows.extend(InstanceOf(instance, None) for instance in snapshot.unheld)
    return rows


def _instance_key(row: InstanceOf) -> Hashable:
    return *row.instance.key, row.process and row.process.key


def _watch_key(row: WatchOf) -> Hashable:
    """Several files may be watched under one number."""
    inode = dict(row.watch.target.details).get("inode")
    return *row.instance.key, row.process and row.process.key, row.watch.fd, inode


PROCESSES: Subject[ProcessRow] = Subject(
    id="processes",
    title="Processes",
    help="Processes that hold instances, or just created or released some.",
    row_type=ProcessRow,
    fields=PROCESS_FIELDS,
    rows=all_processes,
    key=attrgetter("key"),
    sort="finding",
    empty=no_instance,
    companions=("instances", "events"),
)
INSTANCES: Subject[InstanceOf] = Subject(
    id="instances",
    title="Instances",
    help="All instances, a row for each process that holds one.",
    row_type=InstanceOf,
    fields=INSTANCE_FIELDS,
    rows=_all_instances,
    key=_instance_key,
    sort="age_s",
    empty=no_instance,
)
EVENTS: Subject[Event] = Subject(
    id="events",
    title="Events",
    help="The journal: creations, failed creations, releases.",
    row_type=Event,
    fields=EVENT_FIELDS,
    rows=NewestFirst,
    key=lambda event: event,
    sort="time",
    empty=nothing_yet,
    ordered=True,
)
LOOPS: Subject[LoopOf] = Subject(
    id="loops",
    title="Loops",
    help="Event loops: a row for each thread that waits on an instance.",
    row_type=LoopOf,
    fields=LOOP_FIELDS,
    rows=ByProcess(loops_of),
    key=lambda row: row.loop.key,
    sort="finding",
    empty=no_loop,
)
WATCHES: Subject[WatchOf] = Subject(
    id="watches",
    title="Watches",
    help="What instances wait for: a row for each watch.",
    row_type=WatchOf,
    fields=WATCH_FIELDS,
    rows=ByProcess(watches_of, ROWS_MAX),
    key=_watch_key,
    sort="pid",
    empty=no_watch,
)

FINDINGS: Subject[Finding] = Subject(
    id="findings",
    title="Findings",
    help="What is wrong: leaks, spins, late loops, with their evidence.",
    row_type=Finding,
    fields=FINDING_FIELDS,
    rows=lambda snapshot: (*snapshot.findings, *reversed(snapshot.ended_findings)),
    key=lambda row: (row.id, row.about, row.since_ns),
    sort="severity",
    empty=verdict,
)

_ALL = (PROCESSES, INSTANCES, EVENTS, LOOPS, WATCHES, FINDINGS)
SUBJECTS: dict[str, Subject[Any]] = {subject.id: subject for subject in _ALL}
"""In the order of their keys, from 1 on; the first is the default."""


@dataclass(frozen=True)
class View(Generic[Row]):
    """A choice of rows."""

    subject: Subject[Row]
    filter: Predicate[Row] = everything
    sort: str = ""
    """A name that lookup accepts in the subject's fields; empty: the subject's default."""
    reverse: bool = False
    """Against the natural direction of the field."""
    rows: int | None = None
    """Maximum number of rows; None: all."""

    @property
    def field(self) -> Field[Row]:
        """The field that rows are sorted by; UnknownField if there is no such field."""
        return lookup(self.subject.fields, self.sort or self.subject.sort)

    @property
    def descending(self) -> bool:
        """Whether the largest comes first."""
        return (self.field.descending or self._comes_ordered) != self.reverse

    @property
    def _comes_ordered(self) -> bool:
        return self.subject.ordered and self.field.id == self.subject.sort


def look(snapshot: Snapshot, view: View[Row]) -> Sequence[Row]:
    """The rows that match, sorted by raw value, unknown last; UnknownField if view.sort names no field.

    Equal rows keep their order from one snapshot to the next, in either direction.
    """
    return arranged(view.subject.rows(snapshot), snapshot, view)


def arranged(rows: Sequence[Row], snapshot: Snapshot, view: View[Row]) -> Sequence[Row]:
    """Filters and sorts the given rows, as look does with all rows of the subject."""
    if view.filter is not everything:
        matches = view.filter
        rows = [row for row in rows if matches(row, snapshot)]
    if not view._comes_ordered:
        rows = _sorted(rows, snapshot, view)
    elif view.reverse:
        rows = rows[::-1]
    return rows if view.rows is None else rows[: view.rows]


def _sorted(rows: Sequence[Row], snapshot: Snapshot, view: View[Any]) -> list[Row]:
    value = view.field.order or view.field.value
    values: list[Any] = [value(row, snapshot) for row in rows]
    known = [at for at, value in enumerate(values) if value is not None]
    # Other threads wait while a list is sorted: half as long if it consists of sorted parts.
    for at in range(0, len(known), _PART):
        known[at : at + _PART] = sorted(known[at : at + _PART], key=values.__getitem__, reverse=view.descending)
    known.sort(key=values.__getitem__, reverse=view.descending)  # stable in reverse, too
    return [rows[at] for at in known] + [row for row, value in zip(rows, values, strict=True) if value is None]
