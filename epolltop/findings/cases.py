"""What rules judge: the processes, instances and loops of a window, with the numbers that several rules ask for.

A number is None where it is not known, so that nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

from epolltop.findings.instance_case import InstanceCase, InstanceCases
from epolltop.findings.loop_case import LoopCase
from epolltop.findings.process_case import ProcessCase
from epolltop.findings.rule import AnyFamily

AnyCase: TypeAlias = ProcessCase | InstanceCase | LoopCase


class Cases(InstanceCases):
    """A window with all of them."""

    @cached_property
    def processes(self) -> tuple[ProcessCase, ...]:
        """That are alive."""
        return tuple(ProcessCase(self, row) for row in self.alive)

    def of(self, family: AnyFamily) -> Sequence[AnyCase]:
        """Those that a family judges."""
        if family.of == "process":
            return self.processes
        if family.of == "instance":
            return {
                "all": lambda: self.instances,
                "shared": lambda: self.shared_instances,
                "changed": lambda: self.changed_instances,
                "read": lambda: self.read_instances,
            }[family.among]()
        return {
            "all": lambda: self.active_loops,
            "kin": lambda: self.kindred_loops,
            "empty": lambda: self.loops_without_watch,
        }[family.among]()
