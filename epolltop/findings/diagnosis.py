"""The judge of a world: looks at each window, and keeps what it finds."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from epolltop.findings.cases import AnyCase, Cases
from epolltop.findings.evaluation import applied, found_among
from epolltop.findings.families import FAMILIES
from epolltop.findings.families.blocked_loops import looked_at_ns
from epolltop.findings.floor import floor_of
from epolltop.findings.hot_events import NO_EVENTS, HotEvent
from epolltop.findings.lasting import Lasting
from epolltop.findings.process_case import ProcessCase
from epolltop.findings.readings import ListReadings
from epolltop.findings.rounds import Rounds
from epolltop.findings.settings import DEFAULTS, Settings
from epolltop.findings.unexplained import unexplained
from epolltop.model.finding import Finding, Findings
from epolltop.model.instance import Instance
from epolltop.model.instance_key import InstanceKey
from epolltop.model.loop_activity import LoopKey
from epolltop.model.snapshot import Snapshot

SUSPECTS_MAX = 64
"""Instances whose lists are asked for at a time: each costs its program a microsecond a watch."""


class Diagnosis:
    """Applies all rules to the windows of one world."""

    def __init__(self, settings: Settings = DEFAULTS) -> None:
        """Has found nothing yet.

        Args:
            settings: what the user changed.
        """
        self.suspects: tuple[Instance, ...] = ()
        self.in_turn: tuple[Instance, ...] = ()
        self.unexplained: frozenset[LoopKey] = frozenset()
        self._settings, self._late_ns = settings, looked_at_ns(settings)
        self._applied, self._floor = applied(FAMILIES, settings), floor_of(FAMILIES, settings)
        self._lasting = Lasting()
        self._readings, self._rounds = ListReadings(), Rounds()
        self._before: Snapshot | None = None
        self._hot: Mapping[LoopKey, HotEvent] = NO_EVENTS

    @property
    def findings(self) -> Findings:
        return self._lasting.open

    @property
    def ended(self) -> tuple[Finding, ...]:
        return self._lasting.ended

    @property
    def began_ns(self) -> int:
        return self._lasting.began_ns

    @property
    def left_out(self) -> int:
        return self._lasting.left_out

    @property
    def thresholds(self) -> Mapping[str, float]:
        return self._settings.thresholds

    def look(self, snapshot: Snapshot) -> None:
        """See Judge. A window costs about 3 us a loop, and 20 more for one that does enough for a rule."""
        cases = Cases(snapshot, self._before, self._hot, self._readings, self._floor, settings=self._settings)
        self._readings.look(cases.read_instances)
        alive = {row.key for row in snapshot.processes if not row.ended}
        passing = [(each, each.passing(cases)) for each in self._applied]
        self._lasting.look(snapshot.begin_ns, snapshot.now_ns, found_among(passing, self._settings), alive)
        needy = [(each.family.among == "read", some) for each, some in passing if each.family.needs_list]
        self.suspects = tuple(
            itertools.islice(_instances(some for in_turn, some in needy if not in_turn), SUSPECTS_MAX)
        )
        interesting = {each.key for each in _instances(some for in_turn, some in needy if in_turn)}
        self.in_turn = self._rounds.due(snapshot.processes, interesting, snapshot.now_ns)
        self.unexplained = unexplained(cases.active_loops, self._late_ns)
        self._hot = cases.hot
        cases.let_go()
        self._before = replace(snapshot, journal=(), news=())  # a replay keeps many of them


def _instances(cases: Iterable[Iterable[AnyCase]]) -> Iterator[Instance]:
    """Those whose lists rules need, each once."""
    told: set[InstanceKey] = set()
    for case in itertools.chain.from_iterable(cases):
        for instance in case.row.instances if isinstance(case, ProcessCase) else (case.instance,):
            if instance and instance.holders and instance.key not in told:
                told.add(instance.key)
                yield instance
