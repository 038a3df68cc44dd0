"""Whatever is late or lost: the name that a walk's find gets is right, unless something took over a place unseen.

The truth is made of tables and files; a probe tells of creations and releases, a walk of what stands in tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.model.event import Event, Kind
from epolltop.model.holding import Holding
from epolltop.model.process import ProcessKey
from epolltop.sources.bpf.address_matching import Naming
from tests.support.records import event_of

ADDRESSES = (0xA00, 0xB00, 0xC00, 0xD00)
PID, FDS = 70, (3, 4, 5)
APART = 1
"""What is added to a pid is the thread that has a table of its own."""
Place = tuple[int, int]
"""Process and descriptor."""

Step = tuple[str, Place, Place]
PLACES = st.tuples(st.just(PID), st.sampled_from(FDS))
WORDS = [
    "create",
    "create",
    "create",
    "create apart",
    "copy",
    "move",
    "close",
    "close",
    "close apart",
    "begin",
    "look",
    "tick",
]
STEPS = st.lists(st.tuples(st.sampled_from(WORDS), PLACES, PLACES), min_size=6, max_size=40)
ON_TIME, LATE, LOST = 0, 1, None
FATES = st.lists(st.sampled_from([ON_TIME, ON_TIME, LATE, LOST]), min_size=1, max_size=20)


@dataclass(eq=False)
class File:
    """An instance inside the kernel."""

    address: int
    born: int

    @property
    def name(self) -> tuple[int, int]:
        return self.address, self.born


Walk = tuple[int, int, dict[Place, File], set[tuple[int, int]]]
"""When it began and ended, what it saw, and the names of what was alive before."""


@dataclass
class Kernel:
    """The truth, and how a walk and the probes tell of it."""

    fates: Sequence[int | None]
    naming: Naming = field(default_factory=Naming)
    now: int = 100
    shown: dict[Place, File] = field(default_factory=dict)
    apart: dict[Place, File] = field(default_factory=dict)
    """In tables that no walk sees."""
    told: list[Event] = field(default_factory=list)
    late: list[Event] = field(default_factory=list)
    """With the next tick."""
    vouched: dict[Place, set[File]] = field(default_factory=dict)
    """What a place may be taken to show: what was there at the last walk, and whose creation there was told since."""
    takeover: bool = False
    """Some place got another one unseen, so that from now on names may be wrong."""
    _events: int = 0
    _last: dict[Place, File] = field(default_factory=dict)
    """What the last walk saw, until then."""
    _walked: int = 0
    _began: tuple[int, set[tuple[int, int]]] | None = None
    """When a walk began that has not looked yet, and what was alive."""
    _known: dict[File, Place] = field(default_factory=dict)
    """Where creations were told to be, in tables that walks see."""
    _doubtful: set[File] = field(default_factory=set)
    """Which were elsewhere, too, or another at their place."""
    _files: dict[tuple[int, int], File] = field(default_factory=dict)
    _numbers: dict[File, int] = field(default_factory=dict)
    _number: int = 0
    _looked: Walk | None = None

    def take(self, step: Step) -> None:
        what, place, other = step
        self.now += 10
        if what == "tick":
            self.tick()
        elif what == "begin":
            self._began = self._began or (self.now, self._alive())
        elif what == "look":
            self._looked = self._looked or self._look()
        elif what == "create" and place not in self.shown:
            self._create(place, self.shown, place[0])
        elif what == "create apart" and place not in self.apart:
            self._create(place, self.apart, place[0] + APART)
        elif what in ("copy", "move") and place in self.shown and place != other:
            self._doubtful.add(self.shown[place])
            before, self.shown[other] = self.shown.get(other), self.shown[place]
            self._let_go(before)
            if what == "move":
                del self.shown[place]
        elif what == "close":
            self._let_go(self.shown.pop(place, None))
        elif what == "close apart":
            self._let_go(self.apart.pop(place, None))

    def _create(self, place: Place, table: dict[Place, File], tid: int) -> None:
        used = {file.address for file in (*self.shown.values(), *self.apart.values())}
        free = [address for address in ADDRESSES if address not in used]
        if free:
            file = table[place] = File(free[0], self.now)
            self._files[file.name] = file
            self._tell(Kind.CREATE, file, place, tid)

    def _let_go(self, file: File | None) -> None:
        if file and file not in (*self.shown.values(), *self.apart.values()):
            self._tell(Kind.RELEASE, file, (PID, 0), PID)

    def _tell(self, kind: Kind, file: File, place: Place, tid: int) -> None:
        fate = self.fates[self._events % len(self.fates)]
        self._events += 1
        if fate is not LOST:
            (self.late if fate else self.told).append(_event(kind, self.now, file, place, tid))

    def _look(self) -> Walk:
        self.now += 10
        began, self._began = self._began or (self.now, self._alive()), None
        return began[0], self.now, dict(self.shown), began[1]

    def _alive(self) -> set[tuple[int, int]]:
        return {file.name for file in (*self.shown.values(), *self.apart.values())}

    def tick(self) -> None:
        """A walk, and the events up to now."""
        started, ended, shown, alive = self._looked or self._look()
        self.now += 10
        events = sorted(self.told, key=lambda each: each.time_ns)
        self.told, self.late, self._looked = self.late, [], None
        later = [event for event in events if event.time_ns >= started]
        self._hear(events[: len(events) - len(later)])
        during = {(each.pid, each.fd): {self._files[_name(each)]} for each in later if each.kind is Kind.CREATE}
        vouched = {place: self.vouched.get(place) or during.get(place, {file}) for place, file in shown.items()}
        self.takeover |= any(file not in vouched[place] for place, file in shown.items())
        self._doubtful |= {file for place, file in shown.items() if vouched[place] != {file}}
        self._numbers = {file: self._numbers.get(file) or self._next() for file in shown.values()}
        scanned = [Holding(self._numbers[file], 0, 1, pid, fd, 0, 0) for (pid, fd), file in sorted(shown.items())]
        self.naming.learn(event for event in events if event.time_ns < started)
        self.naming.forget(lambda event: event.created_ns < started and _name(event) not in alive)
        named = self.naming.named(scanned, later)
        self.naming.learn(later)
        self._check(shown, named)
        self.vouched = {place: {file} for place, file in shown.items()}
        self._last, self._walked = shown, ended
        self._hear(later)

    def _hear(self, events: Sequence[Event]) -> None:
        """What places vouch for by creations that are told, late ones, too."""
        for event in events:
            if event.kind is Kind.CREATE and event.fd is not None:
                place, file = (event.pid, event.fd), self._files[_name(event)]
                self.vouched.setdefault(place, set()).add(file)
                there = self._last.get(place)
                if event.tid == event.pid:
                    self._known[file] = place
                    if there and there is not file and event.time_ns >= self._walked:
                        self.vouched[place].discard(there)  # it has left, and is unseen if it comes back
                        self._doubtful.add(file)
                if there and there is not file and event.time_ns < self._walked:
                    certain = self._known.get(there) == place and there not in self._doubtful
                    self.takeover |= not certain or there.born < file.born

    def _check(self, shown: dict[Place, File], named: Sequence[Holding]) -> None:
        files: dict[tuple[int, int], set[File]] = {}
        for holding in named:
            file, name = shown[holding.pid, holding.fd], (holding.file, holding.created_ns)
            files.setdefault(name, set()).add(file)
            if holding.created_ns and not self.takeover:
                assert name == file.name, "the name of another"
            if file in self._known.keys() - self._doubtful and not self.takeover:
                assert name == file.name, "no name, though nothing else was ever there"
        assert all(len(each) == 1 for each in files.values()), "one name for two"

    def _next(self) -> int:
        self._number += 1
        return self._number


def _name(event: Event) -> tuple[int, int]:
    return event.file, event.created_ns


def _event(kind: Kind, at: int, file: File, place: Place, tid: int) -> Event:
    key = ProcessKey(place[0], 1)
    fd = place[1] if kind is Kind.CREATE else None
    return event_of(kind, at, key, file=file.address, created_ns=file.born, tid=tid, fd=fd)


def _run(steps: Sequence[Step], fates: Sequence[int | None]) -> Kernel:
    kernel = Kernel(fates)
    one = File(1, 1)
    kernel.naming.learn([_event(Kind.CREATE, 1, one, (60, 9), 60), _event(Kind.RELEASE, 2, one, (60, 9), 60)])
    for step in steps:
        kernel.take(step)
    for _ in range(3):
        kernel.tick()
    return kernel


@settings(max_examples=300, deadline=None, database=None)
@given(STEPS, FATES)
def test_a_name_is_right_unless_something_took_over_a_place_unseen(steps: list[Step], fates: list[int | None]) -> None:
    _run(steps, fates)
