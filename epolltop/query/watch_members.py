"""The members of a watch in a snapshot file."""

from __future__ import annotations

from typing import Any, NamedTuple

from epolltop.model.bounds import WATCHES_MAX
from epolltop.model.instance import Instance
from epolltop.model.watch import TargetKind, Watch, event_names
from epolltop.query.creation import INSTANCE_ID
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.member import Member, Structure, same


class WatchOf(NamedTuple):
    """A watch of an instance."""

    watch: Watch
    nested: Instance | None
    """The target, if that is an instance which the same process holds."""


WATCH: Structure[WatchOf] = Structure("watch", (
    same("fd", "integer", "Descriptor under which the target was added, in the process that added it.", of="watch.fd",
         known=True),
    Member("kind", "text", "What the target is; `unknown`: it could not be seen.",
           lambda row, _: row.watch.target.kind.word, known=True, choices=tuple(kind.word for kind in TargetKind)),
    same("target", "text", "Its name: addresses, a path, what a timer or signalfd waits for; `?` if it is not known.",
         of="watch.target.text", known=True),
    Member("details", "evidence", "What else the kernel tells of it: amounts in bytes or as the kernel counts them, "
           "times in nanoseconds.", lambda row, _: dict(row.watch.target.details), known=True),
    Member("events", "text", "Events that are waited for, and how.", lambda row, _: list(event_names(row.watch.events)),
           known=True, many=True),
    Member("data", "text", "What the program gets back with an event, in hexadecimal.",
           lambda row, _: f"{row.watch.data:#x}", known=True, pattern="0x[0-9a-f]{1,16}"),
    same("stale", "truth", "Whether the descriptor was closed, or is for another file, in all holders, although the "
         "target is watched still.", of="watch.stale"),
    same("shared", "truth", "Whether other processes have the target open, too.", of="watch.shared"),
    Member("nested", "text", "If the target is an instance: its `id`, if this process holds it.",
           lambda row, _: row.nested and row.nested.id, pattern=INSTANCE_ID),
))  # fmt: skip


def _interest(row: InstanceOf) -> list[dict[str, Any]] | None:
    told = row.instance.interest
    if told is None:
        return None
    held = {each.file: each for each in row.process.instances} if row.process else {}
    nested = [None if each.nested is None else held.get(each.nested) for each in told.watches]
    return [WATCH.written(WatchOf(*each)) for each in zip(told.watches, nested, strict=True)]


INTEREST: Member[InstanceOf] = Member(
    "interest", WATCH, f"What it watches, by descriptor, with --watches; of more than {WATCHES_MAX:,} the first ones. "
    "Absent if that was not asked for, or could not be read.", lambda row, _: _interest(row), many=True, optional=True,
    items_max=WATCHES_MAX,
)  # fmt: skip
