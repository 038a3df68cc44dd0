"""What one instance watches, as a view of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.story import find_instance
from epolltop.query.view import WATCHES, Subject
from epolltop.query.watch_fields import WATCHED_FIELDS
from epolltop.query.watch_of import WatchOf, watches_in


def watches_of_instance(key: InstanceKey, likely: ProcessKey | None) -> Subject[WatchOf]:
    """The watches of an instance.

    Args:
        key: of the instance.
        likely: as this process sees them, if it holds the instance still; else as another holder does.
    """

    def rows(snapshot: Snapshot) -> Sequence[WatchOf]:
        instance = find_instance(snapshot, key, likely)
        return watches_in(instance, _holder(instance, likely, snapshot)) if instance else ()

    def empty(snapshot: Snapshot) -> str:
        return _why_empty(find_instance(snapshot, key, likely), snapshot)

    return replace(WATCHES, fields=WATCHED_FIELDS, rows=rows, sort="fd", empty=empty)


def _holder(instance: Instance, likely: ProcessKey | None, snapshot: Snapshot) -> ProcessRow | None:
    rows = sorted(snapshot.processes, key=lambda row: row.key != likely)
    return next((row for row in rows if instance.fds_of(row.key)), None)


def _why_empty(instance: Instance | None, snapshot: Snapshot) -> str:
    if instance is None:
        return "The instance is not open any more."
    if instance.interest is not None:
        return "It watches nothing: a thread that waits on it waits for its timeout, or for ever."
    if not instance.holders:
        return "No process has a descriptor for it, so its list cannot be read."
    if snapshot.source.kind == "replay":
        return "Its list was not read when this was saved."
    return "Reading its list… If this stays, the list cannot be read through any of its holders."
