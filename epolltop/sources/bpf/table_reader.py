"""What a probe counts, read from the kernel or from what stands in for it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from epolltop.model.holding import Census
from epolltop.model.limits import Limit
from epolltop.model.process import ProcessKey


class TableReader:
    """Each method tells nothing, unless a reader has something to tell."""

    def read(self, census: Census | None) -> None:
        """Takes in the maps as they are now.

        Args:
            census: the one of this poll; None if none was taken.
        """

    def processes(self) -> set[ProcessKey]:
        """The processes that acted, according to what was read."""
        return set()

    def members(self, alive: Container[ProcessKey]) -> Mapping[str, Mapping[Any, Any]]:
        """Members of the batch by name. Deletes entries of processes that are not alive, and others that are over."""
        return {}

    def refused(self) -> int:
        """Number of calls that are in no count, because a map was full."""
        return 0

    def limits(self) -> Iterable[Limit]:
        """What else is in no count."""
        return ()
