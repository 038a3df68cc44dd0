"""A process, as rules judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from epolltop.findings.growing_kind import GrowingKind, growing_kind
from epolltop.findings.inheritance import Heirs
from epolltop.findings.instance_case import InstanceCases
from epolltop.findings.loop_case import LoopCase
from epolltop.findings.of_window import OfWindow
from epolltop.model.finding import About
from epolltop.model.process_row import ProcessRow

Result = TypeVar("Result")


class ProcessCase(OfWindow[InstanceCases]):
    """A process."""

    def __init__(self, cases: InstanceCases, row: ProcessRow) -> None:
        super().__init__(cases)
        self.row = row
        self._known: dict[Callable[[ProcessCase], Any], Any] = {}

    @property
    def about(self) -> About:
        """The process."""
        return About(self.row.key)

    @property
    def who(self) -> str:
        """As people say it."""
        return f"{self.row.name} {self.row.pid}"

    @property
    def began_ns(self) -> int:
        return self.row.started_ns or 0

    @property
    def before(self) -> ProcessRow | None:
        """Its row at the begin of the window."""
        return self.cases.rows_before.get(self.row.key)

    @cached_property
    def growing_kind(self) -> GrowingKind | None:
        """The descriptors that grow steadily."""
        return growing_kind(self.row, self.now.now_ns)

    @property
    def active_loops(self) -> Sequence[LoopCase]:
        """Those of its loops that did more than wait, or enough, see LoopCases."""
        return self.cases.active_by_process.get(self.row.key, ())

    def once(self, work_out: Callable[[ProcessCase], Result]) -> Result:
        """What several measures need, worked out at the first."""
        if work_out not in self._known:
            self._known[work_out] = work_out(self)
        return self._known[work_out]  # type: ignore[no-any-return]

    @property
    def heirs(self) -> Heirs | None:
        """Who has its instances by exec; None: nobody."""
        return self.cases.heirs.get(self.row.key)

    def counter_per_s(self, counter: str) -> float | None:
        """A rate of its counts; None if it is a lower bound, or nothing sees it."""
        if not self.now.window_s or self.row.lacking or not self.now.source.sees(counter):
            return None
        return self.row.table("counts").per_s(counter)
