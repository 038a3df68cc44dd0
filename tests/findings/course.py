"""Programs with a defect and their healthy twins, observed with real probes for some windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

from epolltop.model.batch import Batch
from epolltop.model.finding import Finding, Findings
from epolltop.model.judge import LOOK_NS
from epolltop.model.world import World
from epolltop.session.observation import descriptors_of
from epolltop.sources import Wanted
from epolltop.sources.bpf.bpf_source import BpfSource
from tests.workloads.with_defect import defect

from .live import Noting


class Started(NamedTuple):
    """A program."""

    defect: str
    healthy: bool
    told: dict[str, Any]
    """What it said when it was steady."""


class Course:
    """What was found of each program, window by window."""

    def __init__(self, windows: Sequence[Findings]) -> None:
        """Has no program yet.

        Args:
            windows: what was open in each; grows.
        """
        self.windows = windows
        self._started: dict[tuple[str, bool], Started] = {}

    def add(self, program: Started) -> None:
        """One more."""
        self._started[program.defect, program.healthy] = program

    def told(self, defect: str) -> dict[str, Any]:
        """By the program with the defect."""
        return self._started[defect, False].told

    def of(self, defect: str, *, healthy: bool = False) -> list[list[Finding]]:
        """The findings in each window."""
        pid = self._started[defect, healthy].told["pid"]
        return [[each for each in window if each.about.process.pid == pid] for window in self.windows]

    def first(self, id: str, defect: str) -> tuple[int, Finding] | None:
        """The number of the first window with that finding, from 1 on, and the finding in the last one."""
        found = [
            (number, each) for number, window in enumerate(self.of(defect), start=1) for each in window if each.id == id
        ]
        return (found[0][0], found[-1][1]) if found else None


def observed(
    defects: Sequence[str],
    windows: int,
    *,
    changed: Callable[[Batch], Batch] = lambda batch: batch,
    uid: int | None = None,
    twins: tuple[bool, ...] = (False, True),
) -> Course:
    """Observes programs and their twins for so many windows.

    Args:
        defects: which.
        windows: how many.
        changed: what a test makes of each batch.
        uid: as whom they run; None: as this process.
        twins: whether healthy.
    """
    judge = Noting()
    course, world = Course(judge.windows), World(judge=judge)
    source = BpfSource()
    with ExitStack() as stack:
        source.open()
        stack.callback(source.close)
        world.apply(source.poll())
        for name in defects:
            for healthy in twins:
                told = stack.enter_context(defect(name, healthy=healthy, uid=uid))
                course.add(Started(name, healthy, told))
        while len(course.windows) < windows:
            world.apply(changed(source.poll(Wanted(asked=descriptors_of(world.suspects)))))
            # Out of step with programs that do something twice a second.
            time.sleep(LOOK_NS / 1e9 + 0.07 * (len(course.windows) % 5))
    return course


def with_limit(batch: Batch, watches_max: int) -> Batch:
    """As if a user might have so many watches."""
    return replace(batch, source=replace(batch.source, watches_max=watches_max))
