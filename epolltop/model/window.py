"""The window of one listener: where it begins, what it has shown, and the news that it has not handed out yet.

Several listeners may look at one world, each at its own pace. History belongs to the window, not to the world: it has
one rate for each closed window, and windows of 0.3 s have other rates than windows of 1 s.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from epolltop.model.counts import Totals
from epolltop.model.event import Event
from epolltop.model.history import History
from epolltop.model.loop_activity import LoopKey
from epolltop.model.loop_state import LoopsMark
from epolltop.model.loops_window import LoopsWindow
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.rows import Evidence
from epolltop.model.tally import ByTable

NEWS_MAX = 100_000
"""Events that wait for a listener, who may be slow, or stalled by a full pipe: some 40 MB. The events of one batch all
wait, because a recording hands over up to a million at once."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a window begins."""

    now_ns: int
    counts: ByTable
    totals: Totals
    cpu_ns: int | None
    loops: LoopsMark

    def elapsed_s(self, now_ns: int) -> float:
        """Time since then."""
        return (now_ns - self.now_ns) / 1e9

    def without(self, forgotten: Collection[ProcessKey]) -> Mark:
        """The same without these processes: one that comes back is counted from 0 on."""
        if not any(key in counts for counts in self.counts.values() for key in forgotten):
            return self
        kept = {
            table: {key: one for key, one in counts.items() if key not in forgotten}
            for table, counts in self.counts.items()
        }
        return replace(self, counts=kept)

    def without_loops(self, forgotten: Collection[LoopKey]) -> Mark:
        """The same, as if these had done nothing."""
        loops = self.loops.without(forgotten)
        return self if loops is self.loops else replace(self, loops=loops)


@dataclass
class Window:
    """The window of one listener. Only the world and its opener touch it."""

    tell_all: bool
    """Snapshots carry every event since the one before, not only what the journal keeps."""
    mark: Mark | None = None
    """None: it began with the observation."""
    history: History = field(default_factory=History)
    shown: dict[ProcessKey, tuple[Evidence, ProcessRow]] = field(default_factory=dict)
    """In the last snapshot."""
    rows: tuple[ProcessRow, ...] = ()
    """There, too."""
    loops: LoopsWindow = field(default_factory=LoopsWindow)
    news: list[Event] = field(default_factory=list)
    dropped: int = 0
    """The oldest news, dropped because there was no room, since the window was opened."""

    def hear(self, events: Sequence[Event]) -> None:
        """Notes what happened."""
        if self.tell_all:
            self.news += events

    def limit(self, latest: int) -> None:
        """Drops the oldest of those for which there is no room.

        Args:
            latest: how many came with the last batch, and are kept.
        """
        too_many = max(0, len(self.news) - max(NEWS_MAX, latest))
        del self.news[:too_many]
        self.dropped += too_many

    def take_news(self) -> tuple[Event, ...]:
        """The events since they were taken last, in a snapshot or here."""
        news, self.news = tuple(self.news), []
        return news
