"""Workers at one listener, on made snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from select import EPOLLEXCLUSIVE

import pytest

from epolltop.findings.families.siblings import HERD, UNBALANCED
from epolltop.findings.words import brief, sentence
from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.finding import Finding, Severity
from epolltop.model.instance import Instance
from epolltop.model.loop_activity import LoopCounts
from epolltop.model.loop_row import KnownActivity
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.rates import Counted
from epolltop.model.snapshot import Snapshot
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from tests.support.records import NOW_NS, turn
from tests.support.rows import instance, loop_row, process_row

from .judged import judged, traced

MS = 1_000_000
FIRST = 50
"""Pid of the first worker."""


def listens(inode: int = 7, events: int = 1) -> Watch:
    details = (("inode", inode), ("state", "LISTEN"))
    return Watch(3, events, 3, Target(TargetKind.TCP, "127.0.0.1:80", details), stale=False, shared=True)


CONNECTION = Watch(9, 1, 9, Target(TargetKind.TCP, "a → b", (("state", "ESTABLISHED"),)), stale=False, shared=False)


def worker(
    number: int,
    per_s: float = 100,
    *watches: Watch,
    turned_ms: float = 5,
    is_read: bool = True,
    pid: int | None = None,
    **changes: object,
) -> ProcessRow:
    """Its last turn ended so long ago."""
    who = pid or FIRST + number
    of = instance(0xA00 + number, holders=((who, (8,)),))
    if is_read:
        of = of._replace(interest=InterestList(watches or (listens(),)))
    ended = turn(NOW_NS - 2000 * MS, NOW_NS - round(turned_ms * MS), name="worker")
    loop = loop_row(of, tid=who, pid=who, waits=per_s, wakes=per_s, events=per_s, turn=ended, thread="worker")
    if not per_s:  # it only waits, as those that are idle do
        rests = KnownActivity(Counted(loop.did.total, (0.0,) * len(LoopCounts())))
        loop = loop._replace(did=rests, turn=turn(NOW_NS - round(turned_ms * MS), name="worker"))
    given: dict[str, object] = {"ppid": 1, "image": 5, "instances": (of,), "loops": ProcessLoops((loop,))}
    return process_row(who, **given | changes)  # type: ignore[arg-type]


def workers(rates: Sequence[float], *watches: Watch, **changes: object) -> list[ProcessRow]:
    return [worker(at, rate, *watches, **changes) for at, rate in enumerate(rates)]  # type: ignore[arg-type]


def adding(per_s: int, now: Snapshot) -> Snapshot:
    """Each worker adds so many watches in the window of a second."""
    pairs: list[tuple[ProcessRow, Instance]] = [(row, each) for row in now.processes for each in row.instances]
    keys = [CtlKey(*each.traced_key, ProcessKey(row.pid, 7000)) for row, each in pairs]
    return replace(now, ctl=dict.fromkeys(keys, CtlCounts(add=per_s)))


class TestHerd:
    def found(self, rows: Sequence[ProcessRow], adds: int = 0) -> tuple[Severity, dict[str, object]] | None:
        now = traced(*rows)
        match = judged(HERD, adding(adds, now), now)
        return None if match is None else (match.severity, dict(match.evidence))

    def test_workers_that_wake_together_are_a_herd(self) -> None:
        now = traced(*workers([100] * 4))
        match = judged(HERD, now, now)
        assert match is not None
        assert (match.rule.id, match.severity, match.rule.certain) == ("herd", Severity.INFO, False)
        told = dict(match.evidence)
        assert (told["woken"], told["connections_per_s"], told["vain_per_s"]) == (4, 100, 300)
        assert match.about.process.pid == FIRST
        finding = Finding("herd", match.severity, match.about, "", 0, is_older=False, evidence=match.evidence)
        assert brief(finding) == "herd: 4 for each accept"
        assert "127.0.0.1:80" in sentence(finding)

    @pytest.mark.parametrize(("rate", "severity"), [(333, Severity.INFO), (334, Severity.WARN)])
    def test_many_wakes_in_vain_are_worse(self, rate: int, severity: Severity) -> None:
        found = self.found(workers([rate] * 4))
        assert found is not None
        assert found[0] is severity

    @pytest.mark.parametrize(("rate", "is_found"), [(50, True), (49, False)])
    def test_few_wakes_are_none(self, rate: int, is_found: bool) -> None:
        assert (self.found(workers([rate] * 4)) is not None) is is_found

    @pytest.mark.parametrize(("number", "is_found"), [(3, True), (2, False)])
    def test_two_are_none(self, number: int, is_found: bool) -> None:
        assert (self.found(workers([100] * number)) is not None) is is_found

    @pytest.mark.parametrize(("apart_ms", "is_found"), [(1.9, True), (2.1, False)])
    def test_who_turns_by_itself_is_none(self, apart_ms: float, is_found: bool) -> None:
        rows = [*workers([100] * 3), worker(3, 100, turned_ms=5 + apart_ms)]
        assert (self.found(rows) is not None) is is_found

    @pytest.mark.parametrize(("rate", "woken"), [(50, 5), (49, 4)])
    def test_who_wakes_far_less_often_is_not_of_it(self, rate: int, woken: int) -> None:
        found = self.found([*workers([100] * 4), worker(4, rate)])
        assert found is not None
        assert found[1]["woken"] == woken

    def test_the_kernel_wakes_one_with_exclusive_watches(self) -> None:
        assert self.found(workers([100] * 4, listens(events=1 | EPOLLEXCLUSIVE))) is None

    def test_sockets_of_their_own_are_no_siblings(self) -> None:
        assert self.found([worker(at, 100, listens(inode=at)) for at in range(4)]) is None

    def test_without_lists_nothing_is_known(self) -> None:
        assert self.found(workers([100] * 4, is_read=False)) is None

    def test_other_programs_are_no_siblings(self) -> None:
        assert self.found([worker(at, 100, image=at, ppid=100 + at) for at in range(4)]) is None

    def test_children_of_one_parent_that_were_executed_are(self) -> None:
        assert self.found([worker(at, 100, image=at) for at in range(4)]) is not None

    @pytest.mark.parametrize(("adds", "is_found"), [(13, True), (12, False)])
    def test_wakes_for_requests_on_connections_are_none(self, adds: int, is_found: bool) -> None:
        """Of 100 wakes a second of each, 4 times as many as it adds may be for connections of all."""
        found = self.found(workers([100] * 4, listens(), CONNECTION), adds)
        assert (found is not None) is is_found
        assert found is None or found[1]["vain_per_s"] == 3 * 4 * adds

    def test_connections_that_stay_are_the_reason_to_wake(self) -> None:
        assert self.found(workers([100] * 4, listens(), CONNECTION)) is None


class TestBalance:
    def found(self, rows: Sequence[ProcessRow]) -> dict[str, object] | None:
        match = judged(UNBALANCED, traced(*rows))
        if match is None:
            return None
        assert (match.rule.id, match.severity) == ("unbalanced", Severity.INFO)
        return dict(match.evidence)

    def test_one_that_has_all_is_told_once(self) -> None:
        found = self.found(workers([0, 0, 300, 0]))
        assert found is not None
        assert (found["busiest"], found["siblings"], found["imbalance"]) == ("worker 52/8", 4, 4)

    @pytest.mark.parametrize(("rates", "is_found"), [((90, 10, 10, 10), True), ((89, 11, 10, 10), False)])
    def test_three_times_the_mean_is_too_much(self, rates: Sequence[float], is_found: bool) -> None:
        assert (self.found(workers(rates)) is not None) is is_found

    @pytest.mark.parametrize(("rate", "is_found"), [(100, True), (99, False)])
    def test_few_events_are_no_load(self, rate: int, is_found: bool) -> None:
        assert (self.found(workers([rate, 0, 0, 0])) is not None) is is_found

    def test_the_idle_count_though_they_only_waited(self) -> None:
        rows = workers([300, 0, 0])
        assert [row.loops[0].did.is_at_rest and row.loops[0].is_waiting for row in rows] == [False, True, True]
        assert self.found(rows) is not None
        assert self.found(rows[:2]) is None

    def test_threads_of_one_process_are_siblings(self) -> None:
        each = workers([300, 0, 0], pid=FIRST)
        instances = tuple(one for row in each for one in row.instances)
        loops = ProcessLoops(
            loop._replace(key=loop.key._replace(tid=FIRST + at)) for at, row in enumerate(each) for loop in row.loops
        )
        assert self.found([replace(each[0], instances=instances, loops=loops)]) is not None

    def test_sockets_of_their_own_are_no_siblings(self) -> None:
        assert self.found([worker(at, 300 * (at == 0), listens(inode=at)) for at in range(4)]) is None

    def test_without_lists_nothing_is_known(self) -> None:
        assert self.found(workers([300, 0, 0], is_read=False)) is None
