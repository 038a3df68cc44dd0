"""Instances that several processes have, on made snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.findings.families.sharing import INHERITED, SHARING
from epolltop.findings.words import brief, sentence
from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.finding import About, Finding, Severity
from epolltop.model.instance import Instance
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.rows import instance, loop_row, process_row

from .judged import judged, traced

PARENT, CHILD, OTHER = 42, 43, 44
SHARED = instance(holders=((PARENT, (8,)), (CHILD, (8,))))
LATER_NS, EARLIER_NS = NOW_NS - 5 * SECOND_NS, NOW_NS - 60 * SECOND_NS
"""Than the creation of that."""


def waits(of: Instance, pid: int, **changes: object) -> LoopRow:
    return loop_row(of, tid=pid, pid=pid, **changes)


def holder(pid: int, of: Instance | tuple[Instance, ...] = SHARED, *loops: LoopRow, **changes: object) -> ProcessRow:
    """The parent is older than the instance, all others are its children, and younger."""
    given: dict[str, object] = {
        "instances": of if of and isinstance(of[0], Instance) else (of,),
        "loops": ProcessLoops(loops),
        "image": 7,
        "ppid": 1 if pid == PARENT else PARENT,
        "started_ns": EARLIER_NS if pid == PARENT else LATER_NS,
    }
    return process_row(pid, **given | changes)  # type: ignore[arg-type]


def changed(now: Snapshot, pid: int, of: Instance = SHARED, times: int = 1) -> Snapshot:
    """As if that process had changed the list of the instance."""
    key = CtlKey(*of.traced_key, ProcessKey(pid, 7000))
    return replace(now, ctl={**now.ctl, key: CtlCounts(delete=times)})


class TestFork:
    both = traced(holder(PARENT, SHARED, waits(SHARED, PARENT)), holder(CHILD, SHARED, waits(SHARED, CHILD)))
    one = traced(holder(PARENT, SHARED, waits(SHARED, PARENT)), holder(CHILD))

    def test_two_that_wait_share_it(self) -> None:
        found = judged(SHARING, self.both)
        assert found is not None
        assert (found.rule.id, found.severity) == ("shared-after-fork", Severity.WARN)
        assert found.about == About(ProcessKey(PARENT, 7000), SHARED.file, SHARED.since_ns)
        told = dict(found.evidence)
        assert (told["users"], told["waiting"], told["holders"]) == (2, "nginx 42, nginx 43", 2)
        assert told["creator"] == "nginx 42"
        assert "changing" not in told
        finding = Finding(found.rule.id, found.severity, found.about, "", 0, is_older=False, evidence=found.evidence)
        assert brief(finding) == "2 share it after fork"
        assert sentence(finding).endswith("use it: nginx 42 waits, nginx 43 waits")

    def test_who_changes_what_another_one_waits_for_shares_it(self) -> None:
        found = judged(SHARING, changed(self.one, CHILD))
        assert found is not None
        assert dict(found.evidence)["changing"] == "nginx 43"

    def test_who_merely_has_it_does_not(self) -> None:
        assert judged(SHARING, self.one) is None

    def test_a_parent_may_fill_the_list_for_its_child(self) -> None:
        now = traced(holder(PARENT), holder(CHILD, SHARED, waits(SHARED, CHILD)))
        assert judged(SHARING, changed(changed(now, PARENT), CHILD)) is None

    def test_if_nobody_waits_changes_hurt_nobody(self) -> None:
        assert judged(SHARING, changed(changed(traced(holder(PARENT), holder(CHILD)), PARENT), CHILD)) is None

    def test_who_did_not_wait_for_the_whole_window_does_not_share_it(self) -> None:
        gone = waits(SHARED, CHILD, turn=None, waits=0)
        now = traced(holder(PARENT, SHARED, waits(SHARED, PARENT)), holder(CHILD, SHARED, gone))
        assert judged(SHARING, now) is None

    def test_the_processes_need_not_be_parent_and_child(self) -> None:
        of = instance(holders=((PARENT, (8,)), (CHILD, (8,)), (OTHER, (8,))))
        now = traced(holder(PARENT, of), holder(CHILD, of, waits(of, CHILD)), holder(OTHER, of, waits(of, OTHER)))
        found = judged(SHARING, now)
        assert found is not None
        assert dict(found.evidence)["waiting"] == "nginx 43, nginx 44"

    @pytest.mark.parametrize(
        "changes", [{"image": 8}, {"image": None}, {"started_ns": EARLIER_NS}, {"started_ns": None}], ids=str
    )
    def test_what_was_not_inherited_by_fork_is_by_design(self, changes: dict[str, object]) -> None:
        child = holder(CHILD, SHARED, waits(SHARED, CHILD), **changes)
        assert judged(SHARING, traced(holder(PARENT, SHARED, waits(SHARED, PARENT)), child)) is None

    def test_another_number_was_passed_by_design(self) -> None:
        of = instance(holders=((PARENT, (8,)), (CHILD, (9,))))
        now = traced(holder(PARENT, of, waits(of, PARENT)), holder(CHILD, of, waits(of, CHILD)))
        assert judged(SHARING, now) is None

    def test_it_is_certain_if_the_relation_is_seen(self) -> None:
        of = instance(holders=((PARENT, (8,)), (CHILD, (8,))), found=True)
        for ppid, certain in ((PARENT, True), (1, False)):
            parent = holder(PARENT, of, waits(of, PARENT))
            found = judged(SHARING, traced(parent, holder(CHILD, of, waits(of, CHILD), ppid=ppid)))
            assert found is not None
            assert callable(found.rule.certain)
            assert found.rule.certain(found.case) is certain

    def test_of_many_the_first_are_named(self) -> None:
        pids = range(PARENT, PARENT + 6)
        of = instance(holders=tuple((pid, (8,)) for pid in pids))
        found = judged(SHARING, traced(*(holder(pid, of, waits(of, pid)) for pid in pids)))
        assert found is not None
        assert dict(found.evidence)["waiting"] == "nginx 42, nginx 43, nginx 44 and 3 more"

    def test_holders_that_are_not_listed_prove_nothing(self) -> None:
        assert judged(SHARING, traced(holder(PARENT, SHARED, waits(SHARED, PARENT)))) is None


def given(number: int, *, found: bool = False) -> tuple[Instance, ...]:
    holders = ((PARENT, (8,)), (CHILD, (8,)))
    return tuple(instance(0xA00 + at, holders=holders, found=found) for at in range(number))


def executed(some: tuple[Instance, ...], **changes: object) -> Snapshot:
    """A parent that waits on what it has, and a child that runs another program."""
    parent = holder(PARENT, some, *(waits(each, PARENT) for each in some))
    return traced(parent, holder(CHILD, some, **{"image": 8, "name": "sleep"} | changes))


class TestExec:
    def test_another_program_that_has_it_inherited_it(self) -> None:
        found = judged(INHERITED, executed(given(1)))
        assert found is not None
        assert (found.rule.id, found.severity) == ("inherited-by-exec", Severity.INFO)
        assert found.about.process == ProcessKey(PARENT, 7000)
        assert dict(found.evidence) == {"heirs": 1, "programs": "sleep 43", "instances": 1, "pile": 1, "fd": 8}

    @pytest.mark.parametrize(("number", "severity"), [(7, Severity.INFO), (8, Severity.WARN)])
    def test_many_are_worse(self, number: int, severity: Severity) -> None:
        found = judged(INHERITED, executed(given(number)))
        assert found is not None
        assert found.severity is severity

    def test_without_a_creator_the_parent_of_the_holders_owns_it(self) -> None:
        found = judged(INHERITED, executed(given(1, found=True)))
        assert found is not None
        assert found.about.process == ProcessKey(PARENT, 7000)

    def test_if_nobody_descends_from_the_other_who_waits_owns_it(self) -> None:
        found = judged(INHERITED, executed(given(1, found=True), ppid=1))
        assert found is not None
        assert found.about.process == ProcessKey(PARENT, 7000)

    @pytest.mark.parametrize(
        "changes", [{"image": 7}, {"image": None}, {"started_ns": EARLIER_NS}, {"started_ns": None}], ids=str
    )
    def test_the_same_program_or_an_older_one_did_not(self, changes: dict[str, object]) -> None:
        assert judged(INHERITED, executed(given(1), **changes)) is None

    def test_who_uses_it_was_meant_to_have_it(self) -> None:
        some = given(1)
        assert judged(INHERITED, executed(some, loops=ProcessLoops((waits(some[0], CHILD),)))) is None
        assert judged(INHERITED, changed(executed(some), CHILD, some[0])) is None

    @pytest.mark.parametrize(("closes", "is_found"), [(True, False), (False, True), (None, True)])
    def test_what_is_closed_on_exec_was_passed_later(self, closes: bool | None, is_found: bool) -> None:
        some = tuple(each._replace(cloexec=((True,), (closes,))) for each in given(1))
        assert (judged(INHERITED, executed(some)) is not None) is is_found

    def test_another_number_was_passed_by_design(self) -> None:
        assert judged(INHERITED, executed((instance(holders=((PARENT, (8,)), (CHILD, (9,)))),))) is None
