"""The detail pane: every field of the selected event."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from epolltop.model.batch import Event, Kind
from epolltop.model.snapshot import Snapshot
from epolltop.query.fields import EVENT_FIELDS
from epolltop.text import exact_duration

_STORY = {
    Kind.CREATE: "{who} created an epoll instance",
    Kind.CREATE_FAILED: "{who} could not create an epoll instance",
    Kind.RELEASE: "{who} dropped the last reference to an epoll instance",
    Kind.FOUND: "a census found an instance in {who} whose creation was not seen",
    Kind.GONE: "a census no longer shows an instance of {who}; its release was not seen",
}


class Detail(VerticalScroll, can_focus=True):
    """One event, as a person reads it and field by field."""

    def __init__(self, readable: Callable[[str], str], id: str | None = None) -> None:
        super().__init__(Static(), id=id)
        self._readable = readable

    def describe(self, event: Event | None, snapshot: Snapshot | None) -> None:
        """Draws it."""
        body = self.query_one(Static)
        if event is None or snapshot is None:
            body.update(Text("Select an event to see all of it.", "dim"))
            return
        who = f"{event.name or 'process'} ({event.pid})" if event.pid else "nobody known"
        lines = Text(self._readable(_STORY[event.kind].format(who=who)), "bold")
        if event.lifetime_ns is not None:
            lines.append(f" after {exact_duration(event.lifetime_ns / 1e9)}", "bold")
        for field in EVENT_FIELDS:
            lines.append(f"\n{field.id:>11} ", "dim")
            lines.append(self._readable(field.show(event, snapshot)))
        body.update(lines)
