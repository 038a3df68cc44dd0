"""What a person looks at: which rows of a snapshot, in which order, how many."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter, itemgetter

from epolltop.model.batch import Event
from epolltop.model.snapshot import ProcessRow, Snapshot
from epolltop.query.fields import PROCESS_FIELDS, InstanceOf, lookup
from epolltop.query.filter import Predicate, everything


@dataclass(frozen=True, slots=True)
class View:
    """A choice of process rows."""

    filter: Predicate[ProcessRow] = everything
    sort: str = "open"
    """A name that lookup takes in PROCESS_FIELDS."""
    reverse: bool = False
    """Against the natural direction of the field."""
    rows: int | None = None
    """At most so many; None: all."""


def processes(snapshot: Snapshot, view: View) -> tuple[ProcessRow, ...]:
    """The rows that match, sorted by raw value, unknown last; UnknownField if view.sort names none.

    Equal rows keep their order from one snapshot to the next: by pid and start, in either direction.
    """
    field = lookup(PROCESS_FIELDS, view.sort)
    matching = [row for row in snapshot.processes if view.filter(row, snapshot)]
    matching.sort(key=attrgetter("key"))
    valued = [(field.value(row, snapshot), row) for row in matching]
    known = [pair for pair in valued if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=field.descending != view.reverse)  # stable in reverse, too
    ordered = [row for _, row in known] + [row for value, row in valued if value is None]
    return tuple(ordered[: view.rows])


def instances(row: ProcessRow) -> tuple[InstanceOf, ...]:
    """The instances that the process holds, by their lowest descriptor."""
    held = (InstanceOf(instance, row) for instance in row.instances)
    return tuple(sorted(held, key=lambda each: (not each.fds, each.fds, each.instance.id)))


def events(snapshot: Snapshot, predicate: Predicate[Event] = everything) -> tuple[Event, ...]:
    """The events of the journal that match, oldest first."""
    return tuple(event for event in snapshot.journal if predicate(event, snapshot))
