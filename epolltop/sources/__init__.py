"""Where facts come from. Sources are interchangeable: live probes, /proc alone, and later a recording."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from epolltop.model.batch import Batch


class SourceUnavailable(Exception):
    """A source cannot run here. The message says why; remedy is what a person can do about it."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class FactSource(Protocol):
    """Yields one batch a tick. Its calls block and come from one thread at a time, never from an event loop."""

    def open(self) -> None:
        """Attaches. From here on everything counts.

        Raises:
            SourceUnavailable: it cannot run on this machine or with these privileges.
        """

    def poll(self, focus: Collection[int]) -> Batch:
        """What is new since the last call.

        Args:
            focus: files of the instances somebody is looking at; only their interest lists are measured.
        """

    def close(self) -> None:
        """Detaches. May be called twice."""
