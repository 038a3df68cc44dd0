"""Where facts come from. Sources are interchangeable: live probes, /proc alone, a recording."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from epolltop.model.batch import Batch
from epolltop.model.holding import Descriptor
from epolltop.model.process import ProcessKey

NOTHING: Mapping[int, Sequence[Descriptor]] = MappingProxyType({})


class FactSource(Protocol):
    """Yields one batch a tick. Its calls block and come from one thread at a time, never from an event loop."""

    def open(self) -> None:
        """Attaches. From here on everything counts.

        Raises:
            SourceUnavailable: it cannot run on this machine or with these privileges.
        """

    def poll(
        self,
        focus: Mapping[int, Descriptor],
        shown: Collection[ProcessKey] = (),
        asked: Mapping[int, Sequence[Descriptor]] = NOTHING,
    ) -> Batch:
        """What is new since the last call.

        Args:
            focus: by file, the instances somebody is looking at; only their interest lists are measured.
            shown: the processes somebody is looking at; what /proc says about them is read before the rest.
            asked: by file, the instances whose watches somebody wants named: a descriptor of each holder.

        Raises:
            SourceEnded: there is nothing more to come, from a source that can end.
        """

    def close(self) -> None:
        """Detaches. May be called twice."""
