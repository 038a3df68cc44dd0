"""The fields of an instance. A column that is added here appears in tables, sorting, filters and exports.

The field that takes the rest of the line comes last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from epolltop.model.instance import Instance, Provenance
from epolltop.model.loop_of import LoopOf
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.creation import INSTANCE_ID, argument_text, stack_text
from epolltop.query.field import Field, Value
from epolltop.query.instant import local, seconds_since, utc
from epolltop.query.member import rounded
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.watch_finder import WATCH_FORMS, watch_finder
from epolltop.text.numbers import UNKNOWN, duration


class InstanceOf(NamedTuple):
    """An instance, as one of its holders sees it."""

    instance: Instance
    process: ProcessRow | None
    """None: nobody holds it, see Snapshot.unheld."""
    loops: Sequence[LoopOf] = ()
    """Those of this holder's threads, where they are told."""

    @property
    def fds(self) -> tuple[int, ...]:
        """Descriptors of this holder, ascending."""
        return self.instance.fds_of(self.process.key) if self.process else ()

    @property
    def cloexec(self) -> tuple[bool | None, ...]:
        """Whether each of them is closed on exec; None if not known."""
        return self.instance.cloexec_of(self.process.key) if self.process else ()


def _descriptors(row: InstanceOf, width: int = 8) -> str:
    joined = ",".join(map(str, row.fds))
    return joined if len(joined) <= width else f"{len(row.fds)} fds"


def _cloexec(row: InstanceOf) -> bool | None:
    """False if one of them is known to stay open, because that leaks."""
    told = row.cloexec
    return False if False in told else None if None in told or not told else True


def _least_age(row: InstanceOf, snapshot: Snapshot) -> str:
    mark = "≥" if row.instance.provenance is Provenance.FOUND else ""
    return mark + duration(seconds_since(row.instance.since_ns, snapshot))


def _holders(row: InstanceOf, most: int = 8) -> str:
    count = row.instance.holder_count
    pids = [str(holder.process.pid) for holder in row.instance.holders[:most]]
    return f"{count}: {','.join(pids)}{'…' if count > len(pids) else ''}" if count > 1 else str(count)


def _targets(row: InstanceOf) -> str | None:
    interest = row.instance.interest
    return interest and ", ".join(each.target.title for each in interest.watches)


_READ = "read where it is asked for"

HELD_FIELDS: tuple[Field[InstanceOf], ...] = (
    Field("fds", "FDS", 8, "text", lambda row, _: ",".join(map(str, row.fds)),
          "Descriptors of this process that refer to the instance; their number if they do not fit.",
          text=lambda row, _: _descriptors(row), json=lambda row, _: list(row.fds), form="integer", known=True,
          many=True, json_help="Descriptors of this process that refer to the instance."),
    Field("age_s", "AGE", 8, "seconds", lambda row, snapshot: seconds_since(row.instance.created_ns, snapshot),
          "Time since creation, in seconds; a lower bound, the time since it was found, if creation was not seen.",
          text=_least_age, order=lambda row, _: -row.instance.since_ns,
          least=lambda row, snapshot: seconds_since(row.instance.since_ns, snapshot),
          json=lambda row, snapshot: rounded(seconds_since(row.instance.created_ns, snapshot), 6),
          json_help="Seconds since creation, if that was seen."),
    Field("provenance", "SEEN", 6, "text", lambda row, _: row.instance.provenance.value,
          "traced: epolltop saw the creation of the instance; found: the instance was in a census.",
          spare=1, known=True, choices=tuple(each.value for each in Provenance)),
    Field("argument", "ARG", 13, "text", lambda row, _: argument_text(row.instance.syscall, row.instance.argument),
          "Argument of its creation: the size given to epoll_create or the flags given to epoll_create1.",
          spare=2, in_json=False),
    Field("watches", "WATCHES", 7, "count", lambda row, _: row.instance.watches,
          "Registrations in its interest list, counted in /proc/PID/fdinfo; a long list is counted less often.",
          json_help="Registrations in its interest list; counted for up to 10,000 instances, or for one second."),
    Field("stale", "STALE", 5, "count", lambda row, _: row.instance.interest and row.instance.interest.stale,
          "Watches whose descriptor was closed, or is another file by now, while the target is open elsewhere; "
          f"{_READ}.",
          kind="gauge", of_watches=True, shown=False, optional=True,
          json_help="Watches whose descriptor was closed, or is another file by now, while the target is open "
          "elsewhere; in the view `watches`, of those that are shown. Absent like `interest`."),
    Field("watch", "WATCH", 24, "text", lambda row, _: _targets(row),
          f"What it watches: kind and name of each target; {_READ}; {WATCH_FORMS}", of_watches=True,
          finds=watch_finder(lambda row: [row.instance.interest]), shown=False, in_json=False),
    Field("creator", "CREATOR", 7, "id", lambda row, _: row.instance.creator.pid if row.instance.creator else None,
          "Process id of its creator, if the creation was seen.",
          spare=2),
    Field("creator_thread", "THREAD", 15, "text",
          lambda row, _: row.instance.thread.name if row.instance.thread else None,
          "Name that the creating thread had then, if an event has it.", aliases=("thread",), shown=False),
    Field("creator_tid", "TID", 7, "id", lambda row, _: row.instance.thread.tid if row.instance.thread else None,
          "Id of the creating thread.", shown=False),
    Field("cloexec", "CLOEXEC", 7, "text", lambda row, _: _cloexec(row),
          "Whether exec closes all descriptors of this process for it, yes or no; without BPF's iterator, as of the "
          "last count of its watches.",
          shown=False, json=lambda row, _: list(row.cloexec), form="truth", known=True, many=True, gaps=True,
          json_help="For each of `fds`, whether it is closed when the process executes another program; unknown if "
          "that was not read."),
    Field("holder_count", "HOLDERS", 12, "count", lambda row, _: row.instance.holder_count,
          "Processes with a descriptor for it, and their process ids if there are several.",
          text=lambda row, _: _holders(row), known=True, json_help="How many processes have a descriptor for it."),
    Field("created_at", "CREATED", 12, "text", lambda row, snapshot: utc(row.instance.created_ns, snapshot),
          "Time of creation if that was seen: the local time of day on screen, UTC elsewhere.",
          text=lambda row, snapshot: local(row.instance.created_ns, snapshot), shown=False, form="time",
          json_help="Time of creation, if that was seen."),
    Field("stack", "STACK", 40, "text", lambda row, _: stack_text(row.instance.stack),
          "Functions of the creator's user stack, innermost first, if --stacks took it.", shown=False,
          json=lambda row, _: list(row.instance.stack) or None, many=True,
          json_help="Functions of the creator's user stack, innermost first, if --stacks took it; see below."),
    Field("id", "ID", 0, "text", lambda row, _: row.instance.id,
          "Name of the instance: its kernel address, and the nanosecond since boot when it was created or found.",
          json_help="Name of the instance, stable for as long as it lives and never used again: its kernel address, "
          "and the nanosecond since boot when it was created or found.",
          spare=3, known=True, pattern=INSTANCE_ID),
)  # fmt: skip
"""Of an instance whose holder is given."""


def _of_holder(field: Field[ProcessRow], *, width: int | None = None, shown: bool = True) -> Field[InstanceOf]:
    def value(row: InstanceOf, snapshot: Snapshot) -> Value:
        return field.value(row.process, snapshot) if row.process else None

    return Field(field.id, field.title, width or field.width, field.unit, value, f"Holder: {field.help}",
                 aliases=field.aliases, shown=shown,
                 applies=lambda row, _: row.process is not None,
                 text=lambda row, snapshot: field.show(row.process, snapshot) if row.process else UNKNOWN,
                 )  # fmt: skip


_HOLDER = {field.id: field for field in PROCESS_FIELDS}

INSTANCE_FIELDS: tuple[Field[InstanceOf], ...] = (
    _of_holder(_HOLDER["pid"]),
    _of_holder(_HOLDER["name"]),
    *HELD_FIELDS[:-1],
    _of_holder(_HOLDER["user"], shown=False),
    _of_holder(_HOLDER["container"], shown=False),
    _of_holder(_HOLDER["ns_pid"], shown=False),
    _of_holder(_HOLDER["command"], width=24, shown=False),
    HELD_FIELDS[-1],
)
"""Of an instance among all, one row for each holder."""
