"""A world with one window, for tests that need no more."""

from __future__ import annotations

from collections.abc import Sequence

from epolltop.model.copied import copied
from epolltop.model.event import Event
from epolltop.model.process_row import ProcessRow
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from epolltop.model.window import Mark
from epolltop.model.world import World


class Watched(World):
    """Somebody looks at it from the start on."""

    def __init__(self, selection: Selection | None = None, *, tell_all: bool = False) -> None:
        super().__init__(selection)
        self.open_window(tell_all=tell_all)

    def copy(self) -> Watched:
        """See World."""
        return copied(self)

    def look(self, since: Mark | None = None) -> Snapshot:
        """What is known now, with rates since a mark, else since the start."""
        return self.freeze(self.windows[0], since or self.begin())

    def begin_window(self) -> Mark:
        """Marks it here."""
        return self.mark(self.windows[0])

    def news(self) -> Sequence[Event]:
        """What it was not told yet."""
        return self.windows[0].take_news()


def rows_by_pid(snapshot: Snapshot) -> dict[int, ProcessRow]:
    """Its rows."""
    return {row.pid: row for row in snapshot.processes}
