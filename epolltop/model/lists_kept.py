"""Which interest lists are kept: those that were read last."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model.bounds import INTEREST_KEPT_MAX
from epolltop.model.watch import InterestList


def with_equal_watches(interest: InterestList, before: InterestList | None) -> InterestList:
    """The same list; a watch that is as before is the same object: earlier snapshots have it, too."""
    if before is None:
        return interest
    known = {watch: watch for watch in before.watches}
    return interest._replace(watches=tuple(known.get(watch, watch) for watch in interest.watches))


class ListsKept:
    """Files of instances, and the watches in the list of each."""

    def __init__(self) -> None:
        self._watches: dict[int, int] = {}  # the one read longest ago first
        self._total = 0

    def keep(self, file: int, watches: int) -> Iterator[int]:
        """Keeps a list that was just read; yields the files of those without room any more."""
        self._total += watches - self._watches.pop(file, 0)
        self._watches[file] = watches
        while self._total > INTEREST_KEPT_MAX and len(self._watches) > 1:
            oldest = next(iter(self._watches))
            self._total -= self._watches.pop(oldest)
            yield oldest

    def forget(self, file: int) -> None:
        """The instance is gone, and its list with it."""
        self._total -= self._watches.pop(file, 0)
