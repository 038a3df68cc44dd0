"""Where facts come from. Sources are interchangeable: live probes, /proc alone, a recording."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from epolltop.model.batch import Batch
from epolltop.model.holding import Descriptor
from epolltop.model.process import ProcessKey


class FactSource(Protocol):
    """Yields one batch a tick. Its calls block and come from one thread at a time, never from an event loop."""

    def open(self) -> None:
        """Attaches. From here on everything counts.

        Raises:
            SourceUnavailable: it cannot run on this machine or with these privileges.
        """

    def poll(self, focus: Mapping[int, Descriptor], shown: Collection[ProcessKey] = ()) -> Batch:
        """What is new since the last call.

        Args:
            focus: by file, the instances somebody is looking at; only their interest lists are measured.
            shown: the processes somebody is looking at; what /proc says about them is read before the rest.

        Raises:
            SourceEnded: there is nothing more to come, from a source that can end.
        """

    def close(self) -> None:
        """Detaches. May be called twice."""
