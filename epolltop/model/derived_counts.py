"""Where no probe fires, a change between two censuses counts: a lower bound."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable

from epolltop.model.event import Event, Kind
from epolltop.model.process import ProcessKey
from epolltop.model.source import Source
from epolltop.model.tally import Tally

_KINDS = {"created": Kind.FOUND, "released": Kind.GONE}


class DerivedCounts:
    """Of each process since the start."""

    def __init__(self) -> None:
        self._changes: collections.Counter[tuple[ProcessKey, Kind]] = collections.Counter()

    def look(self, source: Source, inferred: Iterable[Event]) -> None:
        """Takes in what a census shows that no event had announced."""
        if not source.exact:
            self._changes.update((event.process, event.kind) for event in inferred)

    def complete(self, source: Source, tally: Tally[ProcessKey]) -> None:
        """Puts them in place of the counts that no probe sees."""
        if source.exact:
            return
        unprobed = {name: kind for name, kind in _KINDS.items() if not source.sees(name)}
        for key in {process for process, _ in self._changes}:
            derived = {name: self._changes[key, kind] for name, kind in unprobed.items()}
            tally.counts[key] = tally.of(key)._replace(**derived)

    def keep(self, kept: Collection[ProcessKey]) -> None:
        """Forgets all other processes."""
        for changed in [changed for changed in self._changes if changed[0] not in kept]:
            del self._changes[changed]
