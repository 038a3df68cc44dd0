"""Whatever is late, lost or told twice: no exception, no negative number, no ghost once a census has looked."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.model.batch import Batch
from epolltop.model.counts import Counts, Totals
from epolltop.model.event import Event, Kind
from epolltop.model.holding import Census, Holding
from epolltop.model.instances import Instances
from epolltop.model.process import ProcessKey
from epolltop.model.process_selection import Selection
from epolltop.model.snapshot import Snapshot
from tests.support.records import A, B, C, P, Q, R, batch, census, create, holding, release, source
from tests.support.watched import Watched

WHO = (P, Q, R)
GONE = ProcessKey(400, 4000)
ADDRESSES = (A, B, C)

Step = tuple[str, int, int, bool]
"""What happens, to which address, by whom, and whether it may be told in detail."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "close", "share", "send", "receive", "drop", "look", "tick", "tick", "tick"]),
        st.integers(0, len(ADDRESSES) - 1),
        st.integers(0, len(WHO) - 1),
        st.booleans(),
    ),
    max_size=30,
)
ON_TIME, LOST = (0,), ()
FATES = st.lists(st.sampled_from([ON_TIME, ON_TIME, LOST, (1,), (3,), (0, 2)]), min_size=1, max_size=30)
"""The ticks after its own in which an event is told."""


@dataclass
class File:
    """An instance inside the kernel."""

    address: int
    born: int
    traced: bool
    detailed: bool
    holders: set[ProcessKey]


@dataclass
class Kernel:
    """The truth, and what probes and censuses would tell of it."""

    now: int = 100
    files: dict[int, File] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    """Of this tick."""
    counts: dict[ProcessKey, Counts] = field(default_factory=dict)
    ticks: list[tuple[list[Event], Census, dict[ProcessKey, Counts]]] = field(default_factory=list)
    _last: Sequence[Holding] = ()
    _looked: Census | None = None
    """Of this tick, if it is taken already."""

    def take(self, step: Step) -> None:
        what, at, who, detailed = step
        self.now += 10
        address, process = ADDRESSES[at], WHO[who]
        file = self.files.get(address)
        if what == "tick":
            self.tick()
        elif what == "look":
            self._looked = self._looked or self.census()
        elif what == "create" and file is None:
            self.files[address] = File(address, self.now, True, detailed, {process})
            self._count(process, created=1)
            if detailed:
                self.events.append(create(address, self.now, process))
        elif file is not None:
            self._change(file, what, process)

    def _change(self, file: File, what: str, process: ProcessKey) -> None:
        if what == ("share" if file.holders else "receive"):
            file.holders.add(process)
        elif what == "send":
            file.holders.clear()
        elif what == "close" and process in file.holders:
            file.holders.discard(process)
            if not file.holders:
                self._release(file, process)
        elif what == "drop" and not file.holders:
            self._release(file, process)

    def _release(self, file: File, process: ProcessKey) -> None:
        del self.files[file.address]
        self._count(process, released=1)
        if file.detailed:
            self.events.append(release(file.address, self.now, file.born if file.traced else 0, process))

    def _count(self, process: ProcessKey, created: int = 0, released: int = 0) -> None:
        counts = self.counts.get(process, Counts())
        self.counts[process] = counts._replace(created=counts.created + created, released=counts.released + released)

    def census(self) -> Census:
        holdings = [
            holding(file.address, process, created=file.born if file.traced else 0)
            for file in self.files.values()
            for process in sorted(file.holders)
        ]
        if holdings != self._last:
            self._last = holdings
        return Census(self.now, self._last, by_address=True)

    def tick(self) -> None:
        """Census first, as the source does; events go on until they are taken."""
        census = self._looked or self.census()
        self.now += 10
        self.ticks.append((self.events, census, dict(self.counts)))
        self._looked = None
        self.events = []


def _run(steps: Sequence[Step]) -> Kernel:
    """From two instances older than the trace, one of them shared."""
    kernel = Kernel(files={A: File(A, 0, False, True, {P}), B: File(B, 0, False, True, {P, Q})})
    kernel.tick()
    for step in steps:
        kernel.take(step)
    kernel.tick()
    return kernel


@dataclass
class Walks:
    """The same censuses as a walk through /proc has them: by the names of creations that were told, or by numbers."""

    told: set[tuple[int, int]] = field(default_factory=set)
    """Creations since the last walk, or of what it found."""
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)
    """Of what the last walk found."""
    last: int = 0
    _last: Sequence[Holding] = ()

    def see(self, census: Census, events: Sequence[Event]) -> Census:
        self.told |= {(event.file, event.created_ns) for event in events if event.kind is Kind.CREATE}
        found = {(held.file, held.created_ns) for held in census.holdings}
        self.told &= found  # what leaves all its places is another when it comes back
        self.numbers = {file: self.numbers.get(file) or self._next() for file in sorted(found)}
        holdings = [
            held if (file := (held.file, held.created_ns)) in self.told else holding(self.numbers[file], _holder(held))
            for held in census.holdings
        ]
        if holdings != self._last:
            self._last = holdings
        return Census(census.started_ns, self._last, by_address=False)

    def _next(self) -> int:
        self.last += 1
        return self.last


def _holder(held: Holding) -> ProcessKey:
    return ProcessKey(held.pid, held.start)


def _deliver(kernel: Kernel, fates: Sequence[tuple[int, ...]], walks: Walks | None = None) -> list[Batch]:
    """Batches in which each event meets its fate; what is lost is counted as lost. The last two have every event."""
    told: dict[int, list[Event]] = {}
    batches: list[Batch] = []
    lost = number = 0
    for tick, (events, taken, counts) in enumerate(kernel.ticks):
        for event in events:
            fate = fates[number % len(fates)]
            number += 1
            lost += not fate
            for later in fate:
                told.setdefault(tick + later, []).append(event)
        told_now = sorted(told.pop(tick, []), key=lambda event: event.time_ns)
        seen = walks.see(taken, told_now) if walks else taken
        batches.append(batch(taken.started_ns + 5, told_now, seen, counts=counts, by=source(lost=lost)))
    for events in ([event for late in told.values() for event in late], []):
        kernel.now += 10
        now = walks.see(kernel.census(), events) if walks else kernel.census()
        batches.append(batch(kernel.now + 5, events, now, counts=kernel.counts, by=source(lost=lost)))
    return batches


def _check(snapshot: Snapshot) -> None:
    assert snapshot.open >= snapshot.in_flight >= 0
    assert min(snapshot.totals) >= 0
    for row in snapshot.processes:
        assert min(row.created, row.released, row.failed, row.sampled_out) >= 0
        assert min(row.create_per_s, row.release_per_s, *row.rates_kept("history")) >= 0
        assert len({instance.file for instance in row.instances}) == row.open
        assert all(instance.fds_of(row.key) for instance in row.instances)


def _table(snapshot: Snapshot) -> set[tuple[int, int | None, ProcessKey]]:
    return {(instance.file, instance.created_ns, row.key) for row in snapshot.processes for instance in row.instances}


def _shown(census: Census | None) -> set[tuple[int, int | None, ProcessKey]]:
    assert census is not None
    return {(held.file, held.created_ns or None, _holder(held)) for held in census.holdings}


def _truth(kernel: Kernel) -> set[tuple[int, int | None, ProcessKey]]:
    return {
        (file.address, file.born if file.traced else None, process)
        for file in kernel.files.values()
        for process in file.holders
    }


@settings(max_examples=300)
@given(STEPS, FATES)
def test_late_doubled_and_lost_events_leave_the_truth(steps: list[Step], fates: list[tuple[int, ...]]) -> None:
    kernel = _run(steps)
    world = Watched(tell_all=True)
    mark = None
    for one in _deliver(kernel, fates):
        world.apply(one)
        _check(world.look(mark))
        _check(world.look())
        mark = world.begin_window()
    snapshot = world.look()
    assert _table(snapshot) == _truth(kernel)
    in_flight = sum(not file.holders for file in kernel.files.values())
    assert snapshot.in_flight <= in_flight, "a ghost"
    assert {row.key: (row.created, row.released) for row in snapshot.processes if row.created or row.released} == {
        key: (counts.created, counts.released) for key, counts in kernel.counts.items()
    }


@settings(max_examples=300)
@given(STEPS, FATES)
def test_the_same_where_a_census_knows_instances_by_their_places(
    steps: list[Step], fates: list[tuple[int, ...]]
) -> None:
    kernel = _run(steps)
    batches = _deliver(kernel, fates, Walks())
    world = Watched(tell_all=True)
    for one in batches:
        world.apply(one)
        _check(world.look())
    snapshot = world.look()
    assert _table(snapshot) == _shown(batches[-1].census)
    alive = {(file.address, file.born) for file in kernel.files.values()}
    assert {(each.file, each.created_ns) for each in snapshot.unheld} <= alive, "a ghost"
    assert {row.key: (row.created, row.released) for row in snapshot.processes if row.created or row.released} == {
        key: (counts.created, counts.released) for key, counts in kernel.counts.items()
    }


@settings(max_examples=200)
@given(STEPS)
def test_events_in_time_are_enough(steps: list[Step]) -> None:
    everything = [(what, at, who, True) for what, at, who, _ in steps]
    kernel = _run(everything)
    world = Watched()
    for one in _deliver(kernel, [ON_TIME]):
        world.apply(one)
    snapshot = world.look()
    assert _table(snapshot) == _truth(kernel)
    assert snapshot.in_flight == sum(not file.holders for file in kernel.files.values())
    assert not [event for event in snapshot.journal if event.kind > 3], "nothing had to be inferred"
    assert (snapshot.unseen, snapshot.exact) == (0, True)


@settings(max_examples=200)
@given(STEPS, st.randoms(use_true_random=False), st.booleans(), st.booleans(), st.data())
def test_any_order_loss_and_duplication_of_batches_is_survived(
    steps: list[Step], random: Random, exact: bool, by_address: bool, data: st.DataObject
) -> None:
    kernel, walks = _run(steps), None if by_address else Walks()
    batches = _deliver(kernel, [ON_TIME], walks)[:-2]
    chosen = data.draw(st.lists(st.sampled_from(batches), max_size=2 * len(batches)))
    shuffled = []
    for one in chosen:
        events = [event for event in one.events for _ in range(random.choice([0, 1, 1, 2]))]
        random.shuffle(events)
        shuffled.append(dataclasses.replace(one, events=events, source=source(released=exact)))
    world = Watched(tell_all=True)
    for one in shuffled:
        world.apply(one)
        snapshot = world.look()
        assert snapshot.open >= snapshot.in_flight >= 0
        assert all(min(row.created, row.released, row.failed) >= 0 for row in snapshot.processes)
    # What is missing is known to be missing, and a census has the last word.
    kernel.now += 10
    for lost in (1, 2):
        final, by = kernel.census(), source(lost=lost, released=exact)
        final = walks.see(final, []) if walks else final
        world.apply(batch(kernel.now + 5, [], final, counts=kernel.counts, by=by, totals=Totals(1)))
        kernel.now += 10
    snapshot = world.look()
    assert _table(snapshot) == _shown(final)
    assert snapshot.in_flight == 0


@settings(max_examples=300)
@given(STEPS, FATES, st.booleans(), st.sampled_from([(), (P.pid, GONE.pid)]), st.data())
def test_a_copy_goes_on_by_itself_and_ends_up_the_same(
    steps: list[Step], fates: list[tuple[int, ...]], exact: bool, pids: Sequence[int], data: st.DataObject
) -> None:
    by = source(created=exact, released=exact)
    batches = [dataclasses.replace(one, source=by) for one in _deliver(_run(steps), fates)]
    world = Watched(Selection(pids=frozenset(pids)), tell_all=True)
    # Somebody who has ended before /proc was asked.
    world.apply(batch(50, [create(C, 20, GONE), release(C, 30, 20, GONE)], counts={GONE: Counts(1, 0, 1)}, by=by))
    mark = world.begin_window()
    parted = data.draw(st.integers(1, len(batches)))
    for one in batches[:parted]:
        world.look(mark)  # the last batch is not yet in any snapshot
        mark = world.begin_window() if data.draw(st.booleans()) else mark
        world.apply(one)

    def shown(of: Watched) -> list[Snapshot]:
        snapshots = [of.look(mark), of.look()]
        for one in batches[parted:]:
            of.apply(one)
            snapshots += [of.look(mark), of.look()]
            of.begin_window()
        return snapshots

    expected = shown(copy.deepcopy(world))
    astray, first, second = (world.copy() for _ in range(3))
    # What one of them meets, the others do not: everybody is gone, and so is what they held.
    late = 10**6
    astray.begin_window()
    astray.apply(
        batch(
            late, [create(A, late, R), release(B, late)], census(late + 1), counts={R: Counts(9, 9, 9)}, alive=(), by=by
        )
    )
    astray.look(astray.begin_window())
    for each in (first, second, world):
        assert shown(each) == expected


class _Thorough(Instances):
    """Looks at every file in every census."""

    def apply_census(self, census: Census, *, release_told: bool, release_traced: bool = True) -> list[Event]:
        self._open.update(self.live.by_file, (holding.file for holding in census.holdings))
        return super().apply_census(census, release_told=release_told, release_traced=release_traced)


@settings(max_examples=300)
@given(STEPS, FATES, st.booleans(), st.booleans(), st.data())
def test_looking_only_at_what_differs_finds_the_same(
    steps: list[Step], fates: list[tuple[int, ...]], in_order: bool, by_address: bool, data: st.DataObject
) -> None:
    batches = _deliver(_run(steps), fates, None if by_address else Walks())
    chosen = batches if in_order else data.draw(st.lists(st.sampled_from(batches), max_size=2 * len(batches)))
    world, thorough = Watched(tell_all=True), Watched(tell_all=True)
    thorough._state.instances = _Thorough()
    for one in chosen:
        met = dataclasses.replace(one, census=data.draw(st.sampled_from([None, one.census, one.census])))
        world.apply(met)
        thorough.apply(met)
        assert world.look() == thorough.look()
