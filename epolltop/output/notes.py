"""Notes on stderr for output without a place for them: what cannot be seen, and what has no event."""

from __future__ import annotations

from collections.abc import Callable

from epolltop.model.snapshot import Snapshot
from epolltop.query.headline import notes
from epolltop.query.losses import missing


class Remarks:
    """Says each note once."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._made: set[str] = set()

    def begin(self, snapshot: Snapshot) -> None:
        """Says what cannot be seen here."""
        for note in notes(snapshot):
            if note not in self._made:
                self._made.add(note)
                self._say(f"note: {note}")

    def end(self, snapshot: Snapshot) -> None:
        """Says what could not be seen meanwhile, and how much is missing."""
        self.begin(snapshot)
        if said := missing(snapshot):
            self._say(f"missing: {said}")
