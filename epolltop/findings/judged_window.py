"""What a window tells rules: the snapshot at its end, and the one at its begin.

What only two snapshots tell is None if there was none at its begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from epolltop.findings.ctl_rises import CtlErrorCounts, by_instance, ctl_rises, errors_by_instance
from epolltop.findings.readings import ListReadings
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey, TracedKey
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot


class JudgedWindow:
    """A window, with what several cases ask of it, each worked out once."""

    def __init__(
        self,
        now: Snapshot,
        before: Snapshot | None = None,
        readings: ListReadings | None = None,
        *,
        settings: Settings = DEFAULTS,
    ) -> None:
        """Works out nothing yet.

        Args:
            now: the snapshot at the end of the window, with rates over it.
            before: the one at its begin; None: there was none.
            readings: of interest lists; None: what only several of them tell is not known.
            settings: of the rules; for numbers that depend on a threshold, such as how many loops are late.
        """
        self.now, self.before = now, before
        self.readings, self.settings = readings or ListReadings(), settings
        self._held: dict[ProcessKey, Mapping[InstanceKey, Instance]] = {}
        self._waited_on: dict[ProcessKey, Sequence[InstanceKey]] = {}

    def let_go(self) -> None:
        """Nobody may ask it any more. Cases and their window refer to each other, so they would stay.

        Of ten thousand loops the cycle collector then took 0.1 s, in which no key was heard.
        """
        vars(self).clear()

    @cached_property
    def alive(self) -> Sequence[ProcessRow]:
        """The processes that did not end."""
        return [row for row in self.now.processes if not row.ended]

    @cached_property
    def looping(self) -> Sequence[ProcessRow]:
        """The processes that have a loop."""
        return [row for row in self.now.processes if row.loops]

    @cached_property
    def rows(self) -> Mapping[ProcessKey, ProcessRow]:
        """All processes, by key."""
        return {row.key: row for row in self.now.processes}

    @cached_property
    def rows_before(self) -> Mapping[ProcessKey, ProcessRow]:
        """All that there were at the begin of the window."""
        return {row.key: row for row in self.before.processes} if self.before else {}

    @cached_property
    def by_user(self) -> Mapping[int | None, Sequence[ProcessRow]]:
        """The processes that are alive, by uid."""
        found: dict[int | None, list[ProcessRow]] = {}
        for row in self.alive:
            found.setdefault(row.uid, []).append(row)
        return found

    @cached_property
    def descriptors_by_user(self) -> Mapping[int | None, int]:
        """How many these have open."""
        return {uid: sum(row.facts.fds or 0 for row in rows) for uid, rows in self.by_user.items()}

    @cached_property
    def counts_waits(self) -> bool:
        """Whether a probe counted waits, over a window."""
        return bool(self.now.window_s) and self.now.source.sees("waits")

    @cached_property
    def ctl(self) -> Mapping[TracedKey, CtlCounts] | None:
        """Changes of interest lists in the window, by instance; None if they are not known."""
        return None if self.ctl_by_process is None else by_instance(self.ctl_by_process)

    @cached_property
    def ctl_by_process(self) -> Mapping[CtlKey, CtlCounts] | None:
        """The same, also by process."""
        return ctl_rises(self.now, self.before)

    @cached_property
    def ctl_errors(self) -> Mapping[TracedKey, CtlErrorCounts] | None:
        """Those that failed in the window, by instance; None if that is not known."""
        return errors_by_instance(self.now, self.before)

    def held(self, row: ProcessRow) -> Mapping[InstanceKey, Instance]:
        """The instances of a process."""
        if row.key not in self._held:
            self._held[row.key] = {each.key: each for each in row.instances}
        return self._held[row.key]

    def waited_on(self, row: ProcessRow) -> Sequence[InstanceKey]:
        """The instances that the loops of a process wait on, loop by loop."""
        if row.key not in self._waited_on:
            self._waited_on[row.key] = tuple(row.loops.on_instances)
        return self._waited_on[row.key]
