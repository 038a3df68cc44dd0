"""Where facts come from. Sources are interchangeable: live probes, /proc alone, a recording."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from epolltop.model.batch import Batch
from epolltop.model.holding import Descriptor
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import ProcessKey


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks at. Instances are named by file, with descriptors through which they can be reached."""

    focus: Mapping[int, Descriptor] = field(default_factory=dict)
    """Instances; only their interest lists are measured."""
    shown: Collection[ProcessKey] = ()
    """Processes; what /proc says about them is read before the rest."""
    asked: Mapping[int, Sequence[Descriptor]] = field(default_factory=dict)
    """Instances whose watches are named; a descriptor of each holder."""
    suspects: Collection[int] = ()
    """Those of them of which the judge wants to see what changes."""
    in_turn: Mapping[int, Sequence[Descriptor]] = field(default_factory=dict)
    """Likewise, when there is time, and not thoroughly: see `InterestLists.look`."""


NOTHING = Wanted()


class FactSource(Protocol):
    """Yields one batch a tick. Its calls block and come from one thread at a time, never from an event loop."""

    def open(self) -> None:
        """Attaches. From here on everything counts.

        Raises:
            SourceUnavailable: it cannot run on this machine or with these privileges.
        """

    def poll(self, wanted: Wanted = NOTHING) -> Batch:
        """What is new since the last call.

        Args:
            wanted: what is to be measured, or read first.

        Raises:
            SourceEnded: there is nothing more to come, from a source that can end.
        """

    def glance(self, loops: Collection[LoopKey]) -> None:
        """Looks between two polls at what some loops do, if they are late; the next batch tells.

        Args:
            loops: each alone on its instance.
        """

    def close(self) -> None:
        """Detaches. May be called twice."""
