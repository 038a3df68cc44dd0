"""What the detail panes say: about the row under the cursor, and about what a place is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epolltop.model.event import Event
from epolltop.model.finding import Finding
from epolltop.model.instance_key import InstanceKey
from epolltop.model.loop_of import LoopOf, find_loop
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.field import Field
from epolltop.query.finding_story import finding_story
from epolltop.query.instance_fields import InstanceOf
from epolltop.query.loop_story import loop_story
from epolltop.query.process_story import process_story
from epolltop.query.story import StoryLine, event_story, instance_story, raw_story
from epolltop.query.watch_of import WatchOf
from epolltop.ui.dialogs.whole_row import whole
from epolltop.ui.state.navigation import Place

_TOLD_OF_INSTANCE = ("instance", "now", "stack", "")
"""Lines of an event's story that its instance's has, too; only a stack has lines without a label."""


def lines_of_row(row: Any, fields: Sequence[Field[Any]], snapshot: Snapshot, *, raw: bool) -> Sequence[StoryLine]:
    """The story of a row, or its fields one by one.

    Args:
        row: under the cursor; None: there is none.
        fields: of its subject.
        snapshot: that it belongs to.
        raw: field by field, also if it has a story.
    """
    match row:
        case InstanceOf():
            return instance_story(row.instance.key, snapshot)
        case Event():
            return raw_story(row, snapshot) if raw else event_story(row, snapshot)
        case ProcessRow() if not raw:
            return process_story(row, snapshot)
        case LoopOf() if not raw:
            return loop_story(row, snapshot)
        case Finding() if not raw:
            return finding_story(row, snapshot)
        case None:
            return [("", "Select a row to see all of it.")]
    return whole(row, fields, snapshot)


def lines_at_place(
    place: Place, row: Any, lines: Sequence[StoryLine], snapshot: Snapshot, *, raw: bool
) -> Sequence[StoryLine]:
    """The lines about a row, with the story of the loop, instance or process that was opened, if one was."""
    holder = snapshot.row_of(place.process) if place.process else None
    if place.instance and (row is None or not raw):
        return _with_story(place, row, lines, place.instance, snapshot)
    if holder and not place.instance:
        story = process_story(holder, snapshot)
        return [*lines, (None, ""), *story] if row else story
    return lines


def _with_story(
    place: Place, row: Any, lines: Sequence[StoryLine], instance: InstanceKey, snapshot: Snapshot
) -> Sequence[StoryLine]:
    loop = find_loop(snapshot, place.process, place.loop) if place.process and place.loop else None
    story = loop_story(loop, snapshot) if loop else instance_story(instance, snapshot)
    if row is None:
        return story
    if isinstance(row, WatchOf):
        return [*lines, (None, ""), *story]
    return [*story, (None, ""), *(line for line in lines if line[0] not in _TOLD_OF_INSTANCE)]
