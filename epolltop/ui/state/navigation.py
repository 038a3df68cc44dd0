"""Where on the screen a person is: a view, drilled into step by step, and the way back."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from epolltop.model.event import Event
from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_of import LoopOf
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field, Value
from epolltop.query.filter import Predicate, everything, has_alternatives, parse_over
from epolltop.query.filter_of_cell import comparison
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.instance_watches import watches_of_instance
from epolltop.query.story import find_instance
from epolltop.query.view import PROCESSES, Subject, View, events_of, held_instances, instances_of
from epolltop.query.watch_of import WatchOf


class Narrowing(NamedTuple):
    """A part of a filter that the value of a cell gave."""

    field: str
    negate: bool
    condition: str


@dataclass(frozen=True)
class Place:
    """One view: of all rows of its subject, or of those of one process or instance."""

    subject: Subject[Any]
    label: str
    """In the breadcrumb."""
    filter_text: str = ""
    filter: Predicate[Any] = everything
    """The predicate of filter_text."""
    narrowings: tuple[Narrowing, ...] = ()
    """The parts of it that came from cells, until it is typed anew."""
    sort: str = ""
    reverse: bool = False
    rows: int | None = None
    process: ProcessKey | None = None
    instance: InstanceKey | None = None
    loop: LoopKey | None = None
    """Whose instance that is, if a loop was opened."""
    cursor: Hashable = None
    """Key of the row that was under the cursor when it was left."""

    @property
    def view(self) -> View[Any]:
        """What to look at."""
        return View(self.subject, self.filter, self.sort, self.reverse, self.rows)

    def held(self, snapshot: Snapshot) -> list[Instance]:
        """The instances that its rows are about."""
        if self.instance is None:
            return held_instances(snapshot, self.process)
        found = find_instance(snapshot, self.instance, self.process)
        return [found] if found else []

    def shows_rows_of(self, other: Place) -> bool:
        """Whether both show the same rows, in whatever order."""
        return self.subject.rows is other.subject.rows and self.filter_text == other.filter_text

    def filtered(self, text: str) -> Place:
        """This place with another filter; FilterError if it does not parse."""
        return replace(self, filter_text=text.strip(), narrowings=(), filter=parse_over(self.subject.fields, text))

    def narrowed(self, field: Field[Any], value: Value, *, negate: bool) -> Place:
        """The same with one more condition: the value of a cell, or all others.

        It replaces an earlier opposite condition from a cell of that field; FilterError if it is not a filter.
        """
        text = self.filter_text
        alternatives = has_alternatives(text)
        if not alternatives:
            for other in self.narrowings:
                if other.field == field.id and other.negate != negate:
                    text = re.sub(rf"(?<!\S){re.escape(other.condition)}(?:\s+|$)", "", text)
        condition = comparison(field, value, negate=negate)
        whole = f"({text}) {condition}" if alternatives else f"{text.strip()} {condition}"
        narrowings = (*self.narrowings, Narrowing(field.id, negate, condition))
        return replace(self.filtered(whole), narrowings=narrowings)

    def drilled(self, row: Any) -> Place | None:
        """The place that Enter on one of its rows opens; None: there is none."""
        match row:
            case ProcessRow():
                return Place(instances_of(row.key), f"{row.name} ({row.pid})", process=row.key)
            case InstanceOf():
                fds = f"fd {','.join(map(str, row.fds[:3]))}" if row.fds else f"instance {row.instance.file:x}"
                return _watches(row.instance, fds, row.process)
            case LoopOf() if row.instance:
                return replace(_watches(row.instance, row.name, row.process), loop=row.loop.key)
            case WatchOf() if row.nested:
                return _watches(row.nested, f"fd {row.watch.fd}", row.process)
            case Event() if row.instance and self.instance is None:
                return Place(events_of(row.instance_key), f"instance {row.file:x}", instance=row.instance_key)
        return None


def _watches(instance: Instance, label: str, process: ProcessRow | None) -> Place:
    holder = process.key if process else None
    return Place(watches_of_instance(instance.key, holder), label, process=holder, instance=instance.key)


def root(subject: Subject[Any]) -> Place:
    """All rows of a subject."""
    return Place(subject, subject.title)


@dataclass(frozen=True)
class Trail:
    """The way to a place: the first is a view of everything."""

    places: tuple[Place, ...] = field(default_factory=lambda: (root(PROCESSES),))

    @property
    def here(self) -> Place:
        """The place that is shown, the last of the way."""
        return self.places[-1]

    @property
    def is_root(self) -> bool:
        """Whether there is no way back."""
        return len(self.places) == 1

    def at(self, place: Place) -> Trail:
        """This way with another last place."""
        return Trail((*self.places[:-1], place))

    def into(self, row: Any) -> Trail:
        """One step further, if the row leads anywhere."""
        place = self.here.drilled(row)
        return Trail((*self.places, place)) if place else self

    def back(self) -> Trail:
        """One step back, if there is one."""
        return self if self.is_root else Trail(self.places[:-1])
