"""The least buffer, a drain that is held up, maps that are full: totals stay exact, loss is shown, the table heals."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from epolltop.bcc.perf_buffer import PerfBuffer
from epolltop.model.event import Kind
from epolltop.model.instance import Provenance
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.output.report import Report
from epolltop.query.headline import brief_line
from epolltop.query.view import PROCESSES, View
from epolltop.sources.bpf.ladder import ALL, Ladders
from epolltop.sources.bpf.sizes import Sizes
from epolltop.text.numbers import grouped
from tests.support.formats import as_json, as_text
from tests.waiting import eventually
from tests.workloads.client import Actor

from .observing import Observing, observe
from .reference_census import reference_census, reported_census

pytestmark = [pytest.mark.kernel, pytest.mark.alone]

ALL_DETAIL = 10_000_000
LEAST = Sizes(pages_per_cpu=1, detail_per_s=ALL_DETAIL)
"""A page a CPU holds some 25 events; nothing is left out on purpose."""


LADDERS = {
    "best": ALL,
    "derived": ALL.only("files_free", "census"),
    "scan": ALL.only("census", "proc"),
}
each_ladder = pytest.mark.parametrize("ladders", LADDERS.values(), ids=LADDERS)

LITTLE_DETAIL = """
import functools, sys
from epolltop.cli import main
from epolltop.sources.bpf import sizes
from epolltop.sources.bpf import bpf_source as source
source.BpfSource = functools.partial(source.BpfSource, sizes=sizes.Sizes(detail_per_s=100, burst_s=0.01))
sys.exit(main())
"""
"""The program, with next to no events."""


def scans(ladders: Ladders) -> bool:
    """Whether instances are found without the kernel's help."""
    return "iterator" not in ladders.census


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@contextmanager
def drain_held_up() -> Iterator[threading.Event]:
    """Sources opened inside empty their buffers only while the event is set."""
    let = threading.Event()
    let.set()
    consume = PerfBuffer.consume

    def held_up(buffer: PerfBuffer) -> None:
        let.wait()
        consume(buffer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PerfBuffer, "consume", held_up)
        try:
            yield let
        finally:
            let.set()


def row_of(snapshot: Snapshot, pid: int) -> ProcessRow:
    rows = [row for row in snapshot.processes if row.pid == pid]
    assert len(rows) == 1, f"process {pid} is listed {len(rows)} times"
    return rows[0]


def agrees(snapshot: Snapshot, pids: Collection[int]) -> None:
    """With the kernel; and nothing that these created flies."""
    assert reported_census(snapshot, pids) == reference_census(pids)
    ghosts = [one.id for one in snapshot.unheld if one.creator and one.creator.pid in pids]
    assert not ghosts, f"{len(ghosts)} of theirs are said to be in flight"


def shown_everywhere(snapshot: Snapshot, what: str, member: str, number: int) -> None:
    """On the screen, large and small, in text, as batch output is, and in JSON."""
    report = Report(snapshot, View(PROCESSES), snapshot.processes)
    assert f"{what} {grouped(number)}" in as_text(report)
    assert f"{what} {grouped(number)}" in brief_line(snapshot)
    assert json.loads(as_json(report))["source"][member] == number


def healed(observing: Observing, condition: object, what: str) -> None:
    """Waits for it; says how long it took."""
    began = time.monotonic()
    eventually(condition)  # type: ignore[arg-type]
    lost = observing.batch.source.lost
    print(f"\n{what}: right after {time.monotonic() - began:.3f} s, {grouped(lost)} events lost")  # noqa: T201


@each_ladder
def test_a_storm_into_the_least_buffer(ladders: Ladders) -> None:
    with ExitStack() as stack:
        observing = stack.enter_context(observe(ladders, sizes=LEAST))
        actors = [stack.enter_context(Actor()) for _ in range(3)]
        pids = [actor.pid for actor in actors]
        kept: dict[int, list[int]] = {}
        _hold(actors)
        for actor in actors:
            actor.do("close_range", first=3, last=2_000)
        # Another generation at the same numbers and, in the kernel, at the same addresses.
        began = boot_ns()
        kept = _hold(actors)
        ended = boot_ns()
        _storm(observing, actors, 20_003)
        for actor in actors:
            actor.do("close", fds=kept[actor.pid][100:])

        def right() -> bool:
            snapshot = observing.refresh()
            agrees(snapshot, pids)
            for pid in pids:
                row = row_of(snapshot, pid)
                assert (row.created, row.failed, row.open) == (20_605, 0, 100)
                assert (row.lacking, row.sampled_out) == (False, 0)
                assert sorted(fd for one in row.instances for fd in one.fds_of(row.key)) == kept[pid][:100]
            return True

        healed(observing, right, "storm of three")
        snapshot = observing.refresh()
        if snapshot.source.traces("files_free"):
            observing.released_all(dict.fromkeys(pids, 20_505))
        assert snapshot.source.lost > 0
        shown_everywhere(snapshot, "lost", "lost", snapshot.source.lost)
        for row in (row_of(snapshot, pid) for pid in pids):
            creations = len(observing.events(row.pid, Kind.CREATE))
            assert creations < row.created <= creations + snapshot.source.lost
            assert all(began <= one.created_ns <= ended for one in row.instances if one.created_ns is not None)
            if not scans(ladders):  # the kernel noted what no event told
                assert {(one.provenance, one.creator) for one in row.instances} == {(Provenance.TRACED, row.key)}


def _hold(actors: Collection[Actor]) -> dict[int, list[int]]:
    for actor in actors:
        actor.begin("hold", count=301)
    return {actor.pid: actor.answer()["fds"] for actor in actors}


def _storm(observing: Observing, actors: Collection[Actor], count: int) -> None:
    """All at once, and looked at meanwhile."""
    for actor in actors:
        actor.begin("pairs", count=count)
    while not all(actor.answered() for actor in actors):
        observing.refresh()
    for actor in actors:
        actor.answer()


@each_ladder
def test_what_happened_while_the_drain_was_held_up(ladders: Ladders) -> None:
    with drain_held_up() as let, observe(ladders, sizes=LEAST) as observing, Actor() as actor:
        old = actor.do("hold", count=10)["fds"]
        observing.until(lambda now: reported_census(now, [actor.pid]) == reference_census([actor.pid]))
        first = {one.id: one for one in observing.row(actor.pid).instances}
        assert {one.provenance for one in first.values()} == {Provenance.TRACED}
        let.clear()
        actor.do("pairs", count=100)  # the buffer is full: from here on nobody hears of anything
        time_of_loss = boot_ns()
        actor.do("close", fds=old[:5])
        fresh = actor.do("hold", count=50)["fds"]
        assert set(old[:5]) < set(fresh)

        def right() -> bool:
            snapshot = observing.refresh()
            agrees(snapshot, [actor.pid])
            row = row_of(snapshot, actor.pid)
            assert (row.created, row.open) == (160, 55)
            by_fd = {fd: one for one in row.instances for fd in one.fds_of(row.key)}
            assert {by_fd[fd].id for fd in old[5:]} < first.keys()
            others = [by_fd[fd] for fd in fresh]
            # Not those that had these descriptors before, nor their age.
            assert not first.keys() & {one.id for one in others}
            assert min(one.since_ns for one in others) >= time_of_loss
            if scans(ladders):  # what was told went through the buffer of a CPU that was not yet full
                created = {one.created_ns for one in others if one.provenance is Provenance.TRACED}
                assert all(at_ns is not None and at_ns >= time_of_loss for at_ns in created)
            return True

        healed(observing, right, "drain held up")
        let.set()
        observing.refresh()
        healed(observing, right, "drain goes on")
        assert observing.batch.source.lost > 0
        actor.do("close_range", first=min(old), last=max(fresh))

        def over() -> bool:
            snapshot = observing.refresh()
            agrees(snapshot, [actor.pid])
            assert row_of(snapshot, actor.pid).open == 0
            return True

        healed(observing, over, "all closed")


@each_ladder
def test_more_instances_than_can_be_noted(ladders: Ladders) -> None:
    with observe(ladders, sizes=Sizes(live_instances=64)) as observing, Actor() as actor:
        before = boot_ns()
        fds = actor.do("hold", count=200)["fds"]
        after = boot_ns()

        def right(open_: int, created: int) -> bool:
            snapshot = observing.refresh()
            agrees(snapshot, [actor.pid])
            row = row_of(snapshot, actor.pid)
            assert (row.created, row.open, row.lacking) == (created, open_, False)
            return True

        healed(observing, lambda: right(200, 200), "200 where 64 can be noted")
        snapshot = observing.refresh()
        assert snapshot.source.overflowed >= 200 - 64
        assert snapshot.source.unattributed == 0
        shown_everywhere(snapshot, "maps full", "overflowed", snapshot.source.overflowed)
        # Each was told of, so each is known wholly.
        for one in row_of(snapshot, actor.pid).instances:
            assert before <= (one.created_ns or 0) <= after
        for _ in range(3):  # censuses that cannot tell their birth change nothing
            observing.refresh()
        actor.do("close", fds=fds[:150])
        healed(observing, lambda: right(50, 200), "150 closed")
        traced = observing.batch.source.traces("files_free")
        if traced:
            ends = observing.events(actor.pid, Kind.RELEASE)
            assert len(ends) == 150
            assert all(event.lifetime_ns for event in ends)
        assert not observing.events(actor.pid, Kind.FOUND)
        # There is room again, if releases make room.
        refused = observing.batch.source.overflowed
        more = actor.do("hold", count=30)["fds"]
        healed(observing, lambda: right(80, 230), "30 more")
        if traced:
            assert observing.batch.source.overflowed == refused
        actor.do("close", fds=fds[150:] + more)
        healed(observing, lambda: right(0, 230), "all closed")


def test_what_was_neither_told_nor_noted_is_found_and_no_ghost() -> None:
    sizes = Sizes(live_instances=8, pages_per_cpu=1, detail_per_s=ALL_DETAIL)
    with drain_held_up() as let, observe(sizes=sizes) as observing, Actor() as actor:
        let.clear()
        actor.do("pairs", count=100)
        fds = actor.do("hold", count=60)["fds"]
        found = {one.provenance for one in observing.row(actor.pid).instances}
        assert found == {Provenance.TRACED, Provenance.FOUND}
        row = observing.row(actor.pid)
        assert sum(one.provenance is Provenance.TRACED for one in row.instances) <= 8
        assert all(one.created_ns is None for one in row.instances if one.provenance is Provenance.FOUND)
        assert (row.created, row.open) == (160, 60)
        actor.do("close", fds=fds)

        def over() -> bool:
            snapshot = observing.refresh()
            agrees(snapshot, [actor.pid])
            assert (row_of(snapshot, actor.pid).open, snapshot.in_flight) == (0, 0)
            return True

        healed(observing, over, "neither told nor noted")
        let.set()
        healed(observing, over, "what was told late")


@each_ladder
def test_more_processes_than_can_be_counted(ladders: Ladders) -> None:
    with ExitStack() as stack:
        observing = stack.enter_context(observe(ladders, sizes=Sizes(processes=8)))
        actors = [stack.enter_context(Actor()) for _ in range(12)]
        pids = [actor.pid for actor in actors]
        for number, actor in enumerate(actors, start=1):
            actor.do("hold", count=10 * number)
            observing.refresh()
        actors[-1].do("pairs", count=70)
        snapshot = observing.refresh()
        agrees(snapshot, pids)
        source = snapshot.source
        made = {pid: 10 * number for number, pid in enumerate(pids, start=1)}
        made[pids[-1]] += 70
        rows = {pid: row_of(snapshot, pid) for pid in pids}
        # Another process of this machine may have taken a place.
        counted = {pid for pid in pids if not rows[pid].lacking}
        assert len(counted) <= 8
        for pid in pids:
            if pid in counted:
                assert rows[pid].created == made[pid]
            else:
                assert rows[pid].known(rows[pid].created) is None or 0 < rows[pid].created <= made[pid]
            assert rows[pid].open == 10 * (1 + pids.index(pid))
        nobodys = sum(made[pid] - rows[pid].created for pid in pids if pid not in counted)
        assert source.overflowed >= source.unattributed >= nobodys > 0
        # In the totals nothing is missing.
        assert snapshot.exact == source.exact
        assert snapshot.totals.created >= sum(made.values())
        shown_everywhere(snapshot, "maps full", "overflowed", source.overflowed)
        _is_not_claimed(snapshot, set(pids) - counted)

        # Room comes back with the end of those that had a place; who comes then is counted wholly.
        for actor in actors[:-1]:
            actor.end()
        for _ in range(3):  # who has ended is forgotten a poll later
            observing.refresh()

        def counted_wholly() -> bool:
            # Anew each time, because another process of this machine may be quicker to take the place.
            late = stack.enter_context(Actor())
            late.do("hold", count=6)
            row = observing.row(late.pid)
            assert (row.created, row.open, row.lacking) == (6, 6, False)
            return True

        eventually(counted_wholly)
        # Who was there meanwhile has its place now, and a lower bound.
        actors[-1].do("pairs", count=9)
        row = observing.row(pids[-1])
        assert row.open == 120
        if pids[-1] not in counted:
            assert row.lacking
            assert row.created - rows[pids[-1]].created in (9, 0)


def _is_not_claimed(snapshot: Snapshot, uncounted: Collection[int]) -> None:
    """Where the counts of a process are not known no front end shows a number as exact."""
    report = Report(snapshot, View(PROCESSES), snapshot.processes, width=200)
    lines = as_text(report).splitlines()
    [titles] = [line.split() for line in lines if line.split()[:2] == ["PID", "USER"]]
    documents = {row["pid"]: row for row in json.loads(as_json(report))["processes"]}
    for pid in uncounted:
        (line,) = [line for line in lines if line.split()[:1] == [str(pid)]]
        created = line.split()[titles.index("CREATED")]
        assert created == "?" or created.startswith("≥"), line
        assert not documents[pid]["exact"]
        assert documents[pid]["created"] != 0
    assert any(line.startswith("note: no room to count") for line in lines)


@pytest.mark.parametrize(
    "command",
    [("events", "--json"), ("record", "FILE"), ("snapshot", "--format", "csv")],
    ids=lambda command: command[0],
)
def test_output_that_has_no_line_for_it_says_what_is_missing(command: tuple[str, ...], tmp_path: Path) -> None:
    arguments = [str(tmp_path / "storm.rec") if part == "FILE" else part for part in command]
    running = subprocess.Popen(
        [sys.executable, "-c", LITTLE_DETAIL, *arguments, "-d", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with Actor() as actor, running:
        while running.poll() is None:
            actor.do("pairs", count=1_000)
            with suppress(subprocess.TimeoutExpired):
                running.wait(0.2)
        assert running.stderr is not None
        assert re.search(r"^epolltop: missing: .*\d instances sampled out", running.stderr.read(), re.MULTILINE)


def test_where_no_probe_sees_releases_there_is_room_for_ever_new_ones() -> None:
    with observe(ALL.only("files_free", "census"), sizes=Sizes(live_instances=128)) as observing, Actor() as actor:
        for _ in range(20):
            actor.do("close", fds=actor.do("hold", count=20)["fds"])
            observing.refresh()
        kept = actor.do("hold", count=20)["fds"]
        row = observing.row(actor.pid)
        assert (row.created, row.open) == (420, len(kept))
        assert {one.provenance for one in row.instances} == {Provenance.TRACED}
        assert observing.batch.source.overflowed == 0
