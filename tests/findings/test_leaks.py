"""Leaks and limits on made snapshots: both sides of each threshold, and what is not known."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace

import pytest

from epolltop.findings.families.leaks import CHURN, DESCRIPTORS, GROWTH
from epolltop.findings.families.near_limits import FD_LIMIT, WATCH_LIMIT
from epolltop.findings.words import brief, cause, sentence
from epolltop.model.ctl_activity import CtlKey, CtlOperation
from epolltop.model.descriptor_kinds import Descriptors
from epolltop.model.finding import Finding, Severity
from epolltop.model.instance import Instance
from epolltop.model.levels import Levels, Step
from epolltop.model.process import ProcessKey
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.process_row import Growth, ProcessRow
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.rows import instance, loop_row, process_row

from .judged import judged, seen_by, traced

ME = ProcessKey(42, 7000)
Level = Callable[[float], Levels]
"""By time in seconds before now."""


def growth(per_min: float, levels: Level | None = None, *, fds_per_s: float = 0.0, for_s: int = 3600) -> Growth:
    """As if it had been looked at once in five seconds."""
    steps = tuple(Step(NOW_NS - ago_s * SECOND_NS, levels(ago_s)) for ago_s in range(for_s, -1, -5)) if levels else ()
    return Growth(per_min, per_min * 60, fds_per_s, NOW_NS - for_s * SECOND_NS, steps)


def row(open: int, **changes: object) -> ProcessRow:
    """With so many instances that nobody waits on."""
    return process_row(open=open, **changes)  # type: ignore[arg-type]


class TestInstanceLeak:
    def leaking(self, more: int = 1, open: int = 30, **changes: object) -> tuple[ProcessRow, ProcessRow]:
        given: dict[str, object] = {"growth": growth(60.0), "fds": 40, "fd_limit": 1024}
        return row(open, **given | changes), row(open - more, **given | changes)

    def test_instances_that_are_kept_and_not_used_are_a_leak(self) -> None:
        now, before = self.leaking()
        found = judged(GROWTH, traced(now), traced(before))
        assert found is not None
        assert (found.rule.id, found.severity, found.rule.lasts_s) == ("instance-leak", Severity.WARN, 5.0)
        told = dict(found.evidence)
        assert (told["net_per_min"], told["net_per_s"], told["unused"], told["open"]) == (60.0, 1.0, 30, 30)

    def test_as_many_as_before_are_none(self) -> None:
        now, before = self.leaking(more=0)
        assert judged(GROWTH, traced(now), traced(before)) is None

    def test_without_the_window_before_nothing_is_known(self) -> None:
        now, _ = self.leaking()
        assert judged(GROWTH, traced(now)) is None

    def test_of_what_is_listed_in_part_nothing_is_known(self) -> None:
        now, before = self.leaking(partly_listed=True)
        assert judged(GROWTH, traced(now), traced(before)) is None

    def test_without_a_probe_on_waits_it_is_not_known_what_is_used(self) -> None:
        now, before = self.leaking()
        assert judged(GROWTH, seen_by("epoll_create", "files_free", now=traced(now)), traced(before)) is None

    def test_loops_that_threads_wait_on_are_none(self) -> None:
        now, before = self.leaking(open=30)
        loops = ProcessLoops(loop_row(each, tid=100 + at) for at, each in enumerate(now.instances[:26]))
        assert judged(GROWTH, traced(replace(now, loops=loops)), traced(before)) is None
        loops = ProcessLoops(loop_row(each, tid=100 + at) for at, each in enumerate(now.instances[:25]))
        found = judged(GROWTH, traced(replace(now, loops=loops)), traced(before))
        assert found is not None
        assert dict(found.evidence)["unused"] == 5

    @pytest.mark.parametrize(
        ("fds", "per_s", "severity"),
        [
            (40, 1.0, Severity.WARN),
            (424, 1.0, Severity.CRITICAL),
            (423, 1.0, Severity.WARN),
            (40, 2.0, Severity.CRITICAL),
        ],
    )
    def test_near_to_the_limit_it_is_critical(self, fds: int, per_s: float, severity: Severity) -> None:
        now, before = self.leaking(fds=fds, growth=growth(60.0, fds_per_s=per_s))
        found = judged(GROWTH, traced(now), traced(before))
        assert found is not None
        assert found.severity is severity

    def test_a_slow_one_is_found_after_five_minutes(self) -> None:
        def slow(ago_s: float) -> Levels:
            return Levels(int(330 - ago_s) // 20, None)

        now = row(16, growth=growth(3.0, slow, for_s=330))
        found = judged(GROWTH, traced(now), traced(now))
        assert found is not None
        assert dict(found.evidence)["growing_s"] == 300
        assert found.rule.certain is not False
        early = row(16, growth=growth(3.0, slow, for_s=290))
        assert judged(GROWTH, traced(early), traced(early)) is None

    def test_it_is_not_certain_if_threads_wait_on_most(self) -> None:
        now = row(4, growth=growth(3.0, lambda ago_s: Levels(int(1000 - ago_s) // 20, None), for_s=600))
        loops = ProcessLoops(loop_row(each, tid=100 + at) for at, each in enumerate(now.instances[:3]))
        found = judged(GROWTH, traced(replace(now, loops=loops)), traced(now))
        assert found is not None
        assert callable(found.rule.certain)
        assert found.rule.certain(found.case) is False

    def test_one_more_worker_is_none(self) -> None:
        now = row(9, growth=growth(1.0, lambda ago_s: Levels(8 + (ago_s < 30), None)))
        assert judged(GROWTH, traced(now), traced(now)) is None

    def test_where_they_were_created_is_told(self) -> None:
        now, before = self.leaking()
        stack = ("epoll_create1 (libc.so.6)", "make_selector (app)", "main (app)")
        now = replace(now, instances=tuple(each._replace(stack=stack) for each in now.instances))
        found = judged(GROWTH, traced(now), traced(before))
        assert found is not None
        assert dict(found.evidence)["created_at"] == "make_selector (app)"


def watching(*kinds: TargetKind, more: int = 0, ago_s: int = 0) -> Instance:
    watches = tuple(
        Watch(5 + at, 1, 5 + at, Target(kind, "x"), stale=False, shared=None) for at, kind in enumerate(kinds)
    )
    return instance()._replace(interest=InterestList(watches, more, at_ns=NOW_NS - ago_s * SECOND_NS))


class TestDescriptorLeak:
    def growing(
        self,
        kind: str = "socket",
        per_s: float = 1.0,
        *,
        for_s: int = 200,
        holds: Instance | None = None,
        threads: int | None = 1,
        fd_limit: int = 100_000,
        **others: int,
    ) -> ProcessRow:
        def levels(ago_s: float) -> Levels:
            number = int((for_s - ago_s) * per_s)
            return Levels(1, number + 10, Descriptors(**{kind: number, **others}))

        kinds = levels(0).kinds
        assert kinds is not None
        return process_row(
            instances=(holds or watching(TargetKind.TCP),),
            growth=growth(0.0, levels, fds_per_s=per_s, for_s=for_s),
            descriptors=kinds,
            threads=threads,
            fds=kinds.total + 10,
            fd_limit=fd_limit,
        )

    def test_sockets_that_nobody_waits_for_are_a_leak(self) -> None:
        found = judged(DESCRIPTORS, traced(self.growing()))
        assert found is not None
        told = dict(found.evidence)
        assert (found.rule.id, found.severity) == ("descriptor-leak", Severity.WARN)
        assert (told["kind"], told["of_kind"], told["unwatched"]) == ("socket", 200, 198)
        assert told["per_min"] == pytest.approx(60)
        assert told["growing_s"] == 60.0
        assert callable(found.rule.certain)
        assert found.rule.certain(found.case) is False

    def test_after_five_minutes_it_is_certain(self) -> None:
        found = judged(DESCRIPTORS, traced(self.growing(for_s=400)))
        assert found is not None
        assert callable(found.rule.certain)
        assert found.rule.certain(found.case) is True

    def test_it_takes_thirty_seconds(self) -> None:
        assert judged(DESCRIPTORS, traced(self.growing(for_s=29, per_s=2))) is None
        assert judged(DESCRIPTORS, traced(self.growing(for_s=31, per_s=2))) is not None

    @pytest.mark.parametrize(("watched", "is_found"), [(179, True), (180, False)])
    def test_watched_ones_are_load(self, watched: int, is_found: bool) -> None:
        row = self.growing(holds=watching(*[TargetKind.TCP] * watched))
        assert (judged(DESCRIPTORS, traced(row)) is not None) is is_found
        row = self.growing(holds=watching(TargetKind.UNKNOWN, more=watched - 1))
        assert (judged(DESCRIPTORS, traced(row)) is not None) is is_found

    @pytest.mark.parametrize(("ago_s", "is_found"), [(175, True), (180, False)])
    def test_what_came_after_the_list_was_read_may_be_watched(self, ago_s: int, is_found: bool) -> None:
        """It had 25 then, or 20; one is watched, and the thread may wait for another."""
        row = self.growing(holds=watching(TargetKind.TCP, ago_s=ago_s))
        assert (judged(DESCRIPTORS, traced(row)) is not None) is is_found

    def test_others_that_are_watched_do_not_matter(self) -> None:
        assert judged(DESCRIPTORS, traced(self.growing(holds=watching(*[TargetKind.PIPE] * 190)))) is not None

    def test_a_thread_may_wait_for_each(self) -> None:
        assert judged(DESCRIPTORS, traced(self.growing(threads=179))) is not None
        assert judged(DESCRIPTORS, traced(self.growing(threads=180))) is None
        assert judged(DESCRIPTORS, traced(self.growing(threads=None))) is None

    def test_io_uring_may_wait_for_each(self) -> None:
        assert judged(DESCRIPTORS, traced(self.growing(io_uring=1))) is None

    def test_without_the_list_nothing_is_known(self) -> None:
        assert judged(DESCRIPTORS, traced(self.growing(holds=instance()))) is None

    @pytest.mark.parametrize(
        ("for_s", "fd_limit", "is_found"), [(400, 4000, True), (400, 4020, False), (280, 4000, False)]
    )
    def test_files_are_a_note_after_five_minutes_if_the_limit_is_near(
        self, for_s: int, fd_limit: int, is_found: bool
    ) -> None:
        found = judged(DESCRIPTORS, traced(self.growing("file", for_s=for_s, fd_limit=fd_limit)))
        assert (found is not None) is is_found
        if found:
            assert (found.severity, found.rule.certain) == (Severity.INFO, False)

    def test_near_to_the_limit_it_is_critical(self) -> None:
        for fd_limit, severity in ((810, Severity.CRITICAL), (811, Severity.WARN)):
            found = judged(DESCRIPTORS, traced(self.growing(fd_limit=fd_limit)))
            assert found is not None
            assert found.severity is severity

    def test_a_cache_that_is_full_does_not_grow(self) -> None:
        def cache(ago_s: float) -> Levels:
            return Levels(1, 500, Descriptors(file=min(400, int(600 - ago_s))))

        row = replace(self.growing("file"), growth=growth(0.0, cache, fds_per_s=0.1, for_s=600))
        assert judged(DESCRIPTORS, traced(row)) is None


class TestLoopPerRequest:
    @pytest.mark.parametrize(
        ("created", "released", "severity"),
        [
            (9.9, 9.9, None),
            (10.0, 8.9, None),
            (10.0, 9.0, Severity.INFO),
            (9_999.0, 9_999.0, Severity.INFO),
            (10_000.0, 10_000.0, Severity.WARN),
        ],
    )
    def test_thresholds(self, created: float, released: float, severity: Severity | None) -> None:
        found = judged(CHURN, traced(process_row(create_per_s=created, release_per_s=released)))
        assert (found.severity if found else None) == severity

    def test_lower_bounds_prove_nothing(self) -> None:
        row = process_row(create_per_s=50.0, release_per_s=50.0, lacking=True)
        assert judged(CHURN, traced(row)) is None
        assert judged(CHURN, seen_by("epoll_create", now=traced(replace(row, lacking=False)))) is None


class TestNearFdLimit:
    @pytest.mark.parametrize(
        ("fds", "limit", "severity"),
        [
            (79, 100, None),
            (80, 100, Severity.WARN),
            (94, 100, Severity.WARN),
            (95, 100, Severity.CRITICAL),
            (120, 100, Severity.CRITICAL),
            (None, 100, None),
            (95, None, None),
        ],
    )
    def test_thresholds(self, fds: int | None, limit: int | None, severity: Severity | None) -> None:
        found = judged(FD_LIMIT, traced(process_row(fds=fds, fd_limit=limit)))
        assert (found.severity if found else None) == severity

    def test_the_kind_that_takes_them_is_told(self) -> None:
        found = judged(FD_LIMIT, traced(process_row(fds=90, fd_limit=100, descriptors=Descriptors(socket=70, file=20))))
        assert found is not None
        assert dict(found.evidence)["most"] == "socket"
        assert dict(found.evidence)["of_kind"] == 70


class TestNearWatchLimit:
    def of_user(self, *watches: int | None, fds: int = 900, limit: int | None = 1000) -> tuple[object, ...]:
        rows = [
            process_row(
                pid=42 + at,
                fds=fds // len(watches),
                instances=(instance(file=at + 1, holders=((42 + at, (4,)),), watches=number),),
            )
            for at, number in enumerate(watches)
        ]
        now = traced(*rows)
        now = replace(now, source=replace(now.source, watches_max=limit))
        found = judged(WATCH_LIMIT, now)
        return (found.severity, dict(found.evidence)["watches"], found.about.process.pid) if found else ()

    def test_thresholds(self) -> None:
        assert self.of_user(799) == ()
        assert self.of_user(800) == (Severity.WARN, 800, 42)
        assert self.of_user(950) == (Severity.CRITICAL, 950, 42)

    def test_watches_of_all_processes_count_and_one_is_told(self) -> None:
        assert self.of_user(300, 400, 150) == (Severity.WARN, 850, 43)

    def test_what_is_not_read_does_not_count(self) -> None:
        assert self.of_user(700, None) == ()
        assert self.of_user(None) == ()
        assert self.of_user(900, limit=None) == ()

    def test_few_descriptors_are_not_looked_at(self) -> None:
        assert self.of_user(900, fds=799) == ()

    def test_a_watch_that_is_refused_proves_it(self) -> None:
        now = traced(process_row(fds=5, instances=(instance(),)))
        key = CtlKey(*instance().traced_key, ME)
        failed = {key: {(CtlOperation.ADD, errno.ENOSPC): 1}}
        found = judged(WATCH_LIMIT, replace(now, ctl_errors=failed), now)
        assert found is not None
        assert found.severity is Severity.CRITICAL
        other = {key: {(CtlOperation.ADD, errno.EEXIST): 1}}
        assert judged(WATCH_LIMIT, replace(now, ctl_errors=other), now) is None


def test_words_have_their_numbers() -> None:
    now, before = TestInstanceLeak().leaking()
    found = judged(GROWTH, traced(now), traced(before))
    assert found is not None
    told = Finding(found.rule.id, found.severity, found.about, "x 42", 0, is_older=False, evidence=found.evidence)
    assert brief(told) == "leak: 60.0/min"
    assert sentence(told) == "60.0 instances a minute more are created than released; it holds 30"
    assert "?" not in sentence(told) + cause(told)
