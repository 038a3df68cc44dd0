"""Instances, as rules judge them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from epolltop.findings.ctl_rises import CtlErrorCounts, ctl_per_s
from epolltop.findings.inheritance import Heirs, Sharer, heirs_by_owner, parts_of
from epolltop.findings.loop_case import LoopCase, LoopCases
from epolltop.findings.of_window import OfWindow
from epolltop.findings.readings import ListReading
from epolltop.model.finding import About
from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey, TracedKey
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.watch import InterestList
from epolltop.text.numbers import UNKNOWN


class InstanceCase(OfWindow["InstanceCases"]):
    """An instance, by one of its holders."""

    def __init__(self, cases: InstanceCases, row: ProcessRow, instance: Instance) -> None:
        super().__init__(cases)
        self.row, self.instance = row, instance

    @property
    def about(self) -> About:
        """The instance, of its first holder."""
        return About(self.row.key, *self.instance.key)

    @property
    def who(self) -> str:
        """As people say it."""
        fds = self.instance.fds_of(self.row.key)
        return f"{self.row.name} {self.row.pid}/{fds[0] if fds else UNKNOWN}"

    @property
    def began_ns(self) -> int:
        return self.instance.created_ns or 0

    @property
    def interest(self) -> InterestList | None:
        """What it watches; None: that was not read."""
        return self.instance.interest

    @property
    def loops(self) -> Sequence[LoopCase]:
        """The threads of all processes that wait on it."""
        return self.cases.loops_on(self.instance)

    @cached_property
    def parts(self) -> tuple[Sharer, ...]:
        """Its holders, with what each does."""
        loops = ((case.process.key, case.row) for case in self.loops)
        return parts_of(self.instance, self.cases.rows, loops, self.now.ctl)

    @property
    def reading(self) -> ListReading | None:
        """The last one of its list."""
        return self.cases.readings.last(self.instance)

    @property
    def earlier(self) -> ListReading | None:
        """One of some seconds before that."""
        return self.cases.readings.earlier(self.instance)

    @cached_property
    def events(self) -> int | None:
        """That its loops returned since the observation began; None if that is not known."""
        if not self.now.source.sees("events"):
            return None
        return sum(case.row.did.total.events for case in self.loops)

    @cached_property
    def waits_per_s(self) -> float | None:
        """Of all of its loops."""
        rates = [case.waits_per_s for case in self.loops]
        return sum(rate for rate in rates if rate is not None) if rates and None not in rates else None

    def ctl_per_s(self, counter: str) -> float | None:
        """Changes of its list in the window; `all` of them, or one of the counters."""
        return ctl_per_s(self.cases.ctl, self.window_s, self.instance.traced_key, counter)

    @property
    def ctl_errors(self) -> CtlErrorCounts | None:
        """Of these, those that failed, by operation and errno; None if that is not known."""
        return None if self.cases.ctl_errors is None else self.cases.ctl_errors.get(self.instance.traced_key, {})


class InstanceCases(LoopCases):
    """A window with its instances and loops."""

    @cached_property
    def instances(self) -> tuple[InstanceCase, ...]:
        """That a process holds, each once, by the first of its holders."""
        return self._each_once((row, each) for row in self.now.processes for each in row.instances)

    @cached_property
    def read_instances(self) -> tuple[InstanceCase, ...]:
        """Of these, those whose lists were read."""
        return self._each_once(
            (row, each) for row in self.now.processes for each in row.instances if each.interest is not None
        )

    @cached_property
    def read_by_file(self) -> Mapping[int, Instance]:
        """The same, by file."""
        return {case.instance.file: case.instance for case in self.read_instances}

    @cached_property
    def loops_without_watch(self) -> Sequence[LoopCase]:
        """Loops on those that watched nothing when their lists were read."""
        empty = (each for each in self.read_instances if each.interest and not each.interest.length)
        return [case for each in empty for case in each.loops]

    @cached_property
    def changed_instances(self) -> tuple[InstanceCase, ...]:
        """Those whose lists a process changed in the window, or tried to, by the first that did."""
        changed: dict[ProcessKey, set[TracedKey]] = {}
        for key in self.ctl_by_process or ():
            changed.setdefault(key.process, set()).add(key.traced_key)
        rows = (self.rows[key] for key in changed if key in self.rows)
        return self._each_once(
            (row, each) for row in rows for each in row.instances if each.traced_key in changed[row.key]
        )

    @cached_property
    def shared_instances(self) -> tuple[InstanceCase, ...]:
        """That several processes hold, each once, by its creator, else by the first of its holders."""
        found: dict[InstanceKey, InstanceCase] = {}
        held = ((row, each) for row in self.now.processes for each in row.instances if len(each.holders) > 1)
        for row, instance in held:
            if instance.key not in found or row.key == instance.creator:
                found[instance.key] = InstanceCase(self, row, instance)
        return tuple(found.values())

    @cached_property
    def heirs(self) -> Mapping[ProcessKey, Heirs]:
        """Who has instances of a process by exec, by that process."""
        return heirs_by_owner(self.shared_instances)

    def _each_once(self, held: Iterable[tuple[ProcessRow, Instance]]) -> tuple[InstanceCase, ...]:
        first: dict[InstanceKey, InstanceCase] = {}
        for row, instance in held:
            key = instance.key
            if key not in first:
                first[key] = InstanceCase(self, row, instance)
        return tuple(first.values())
