"""Who judges a world: looks at its windows and keeps findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from epolltop.model.finding import NO_FINDINGS, Finding, Findings
from epolltop.model.instance import Instance
from epolltop.model.loop_activity import LoopKey
from epolltop.model.snapshot import Snapshot

LOOK_NS = 900_000_000
"""Shortest window that is judged: polls come once a second, more or less."""


class Judge(Protocol):
    """Its state is copied with the world."""

    @property
    def findings(self) -> Findings:
        """That are open."""

    @property
    def ended(self) -> tuple[Finding, ...]:
        """The last that have ended, in the order of their ends."""

    @property
    def began_ns(self) -> int:
        """Boot clock: when judging began; 0: it did not yet."""

    @property
    def left_out(self) -> int:
        """How many findings there was no room for in the last window."""

    @property
    def thresholds(self) -> Mapping[str, float] | None:
        """What it compares with in place of defaults, by name; None: it compares nothing."""

    @property
    def suspects(self) -> tuple[Instance, ...]:
        """Instances whose interest lists tell more."""

    @property
    def in_turn(self) -> tuple[Instance, ...]:
        """Those whose lists are to be read when there is time."""

    @property
    def unexplained(self) -> Collection[LoopKey]:
        """Loops that were away for long, while nobody looked at what they did."""

    def look(self, snapshot: Snapshot) -> None:
        """Judges a window; windows come in order and leave nothing out."""


class NoJudge:
    """Finds nothing."""

    findings = NO_FINDINGS
    ended: tuple[Finding, ...] = ()
    began_ns = 0
    left_out = 0
    thresholds: Mapping[str, float] | None = None
    suspects: tuple[Instance, ...] = ()
    in_turn: tuple[Instance, ...] = ()
    unexplained: Collection[LoopKey] = ()

    def look(self, snapshot: Snapshot) -> None:
        """Does not."""
