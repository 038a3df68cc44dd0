"""What an observation tells, held against the oracle; what a rung does not see is expected as exactly that."""

from __future__ import annotations

import platform
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Set
from typing import Any

from epolltop.model.batch import Event, Kind, ProcessKey, Syscall
from epolltop.model.snapshot import Holder, Instance, Provenance, Snapshot
from tests.kernel.observing import Observing

from .naming import Name, Naming
from .oracle import LATE_NS, Bounds, Call, Created, Failed, File, Oracle, Process, Released
from .rungs import Rung

FOREIGN_MAX = 3
"""Releases of one run that may be charged to a process of others that looked just then."""
KTHREADD = 2
"""The parent of all threads of the kernel."""

COLLECTS_IN_TASK = tuple(map(int, platform.release().split(".")[:2])) < (6, 1)
"""The collector of descriptors in flight runs in anybody who closes a socket (seen on 5.10), not in a kernel thread."""


class Disturbed(Exception):
    """Others on this machine made so many events that some were lost: nothing can be exact."""


class Watcher:
    """A rung at work, and all it told so far."""

    def __init__(self, observing: Observing, rung: Rung) -> None:
        self.observing = observing
        self.rung = rung
        self.kernel_releases = 0

    def look(self) -> Snapshot:
        """What is known now."""
        snapshot = self.observing.refresh()
        self.kernel_releases += sum(event.by_kernel for event in snapshot.news)
        return snapshot


class Comparison:
    """Of one run. Each look compares what happened since the last one, and what there is."""

    def __init__(self, watcher: Watcher, oracle: Oracle) -> None:
        self._watcher = watcher
        self._sight = watcher.rung.sight
        self._oracle = oracle
        self._since = 0, 0, 0
        self._told: dict[tuple[ProcessKey, Kind], list[Event]] = defaultdict(list)  # since the last look
        self._ends: dict[str, list[Event]] = defaultdict(list)  # by id: releases
        self._born: dict[File, tuple[ProcessKey, int]] = {}
        self._names: dict[File, str] = {}
        """Ids under which instances were last told."""
        self._traced_as: dict[File, str] = {}
        """Ids under which their creations were told."""
        self._fresh: list[Created] = []  # traced since the last look
        self._traced: dict[File, Created] = {}
        self._held: dict[File, set[tuple[ProcessKey, int]]] = {}  # by the last look
        self._charged: Counter[ProcessKey] = Counter()
        """Releases, as they were told."""
        self._found: Counter[ProcessKey] = Counter()
        self._gone: Counter[ProcessKey] = Counter()
        self._foreign = 0
        self._wrong: list[str] = []
        before = watcher.look()
        self._missing = _missing(before)
        self._by_kernel = before.totals.released_by_kernel - watcher.kernel_releases

    def look(self) -> None:
        """Compares.

        Raises:
            AssertionError: with everything that differs.
            Disturbed: see there.
        """
        snapshot = self._hear(set())
        if _missing(snapshot) != self._missing:
            raise Disturbed(f"{_missing(snapshot) - self._missing} events were lost")
        created, failed, released = self._since
        self._since = len(self._oracle.created), len(self._oracle.failed), len(self._oracle.released)
        self._fresh = []
        self._born = {}
        self._creations(self._oracle.created[created:])
        self._failures(self._oracle.failed[failed:])
        late = (end.file for end in self._oracle.released[released:] if end.by is None or end.perhaps_kernel)
        awaited = {name for file in late if (name := self._released_as(file))} if self._sight.releases else set()
        if not awaited <= self._ends.keys():
            snapshot = self._hear(awaited)
        self._holdings(snapshot)
        self._releases(self._oracle.released[released:])
        self._nothing_more()
        self._counts(snapshot)
        self._source(snapshot)
        wrong, self._wrong = self._wrong, []
        assert not wrong, "epolltop differs from what happened:\n" + "\n".join(wrong)

    def _hear(self, awaited: set[str]) -> Snapshot:
        """Looks until everything told has arrived, and what threads of the kernel release: that takes them a moment."""
        snapshot = self._take()
        deadline = snapshot.now_ns + LATE_NS
        while snapshot.now_ns < deadline:
            # Counts are read after events: what others did meanwhile is told next time. A storm of theirs delays ours.
            counted = snapshot.totals.released_by_kernel == self._by_kernel + self._watcher.kernel_releases
            delivered = snapshot.source.events == self._watcher.observing.records
            if counted and delivered and awaited <= self._ends.keys():
                return snapshot
            if not delivered and not self._sight.addresses:
                break  # names are given when a scan is joined with the events up to it, which were late
            snapshot = self._take()
        if snapshot.source.events != self._watcher.observing.records:
            raise Disturbed("others make events faster than they can be read")
        return snapshot

    def _take(self) -> Snapshot:
        snapshot = self._watcher.look()
        cast = {*map(_key, self._oracle.processes), *map(_key, self._oracle.past)}
        for event in snapshot.news:
            if event.kind is Kind.RELEASE and event.instance:
                self._ends[event.instance].append(event)
            elif event.process in cast:
                self._told[event.process, event.kind].append(event)
        return snapshot

    def _creations(self, expected: list[Created]) -> None:
        for process, creations in _by_process(expected):
            traced = [each for each in creations if self._traces(each.call)]
            told = self._told.pop((_key(process), Kind.CREATE), [])
            if len(told) != len(traced):
                self._differs(f"{process} created {len(traced)} that can be seen, told are {len(told)}")
            for creation, event in zip(traced, told, strict=False):
                self._same_call(f"creation of {creation.file}", event, creation.call, creation.when, creation.tid)
                if event.fd != creation.fd or event.errno or not event.instance:
                    self._differs(f"creation of {creation.file} at {creation.fd} is told as {event}")
                if event.instance in self._names.values():
                    self._differs(f"creation of {creation.file} has the id of another")
                self._names[creation.file] = self._traced_as[creation.file] = event.instance or ""
                self._traced[creation.file] = creation
                self._fresh.append(creation)
                self._born[creation.file] = _key(creation.by), creation.fd

    def _failures(self, expected: list[Failed]) -> None:
        for process, failures in _by_process(expected):
            seen = [each for each in failures if self._sees(each)]
            told = self._told.pop((_key(process), Kind.CREATE_FAILED), [])
            if len(told) != len(seen):
                self._differs(f"{process} failed {len(seen)} times, told are {len(told)}")
            for failure, event in zip(seen, told, strict=False):
                self._same_call(f"failure of {process}", event, failure.call, failure.when, failure.tid)
                if (event.errno, event.fd, event.file, event.instance) != (failure.errno, None, 0, None):
                    self._differs(f"failure of {process} with {failure.errno} is told as {event}")

    def _same_call(self, what: str, event: Event, call: Call, when: Bounds, tid: int) -> None:
        if not when[0] <= event.time_ns <= when[1]:
            self._differs(f"{what} is told to be at {event.time_ns}, which is not within {when}")
        if event.tid != tid:
            self._differs(f"{what} was by thread {tid}, told is {event.tid}")
        self._same_argument(what, event.syscall, event.argument, call)

    def _same_argument(self, what: str, syscall: Syscall, argument: int | None, call: Call) -> None:
        number = Syscall.EPOLL_CREATE1 if call.size is None else Syscall.EPOLL_CREATE
        given = call.flags if call.size is None else call.size
        if (syscall, argument) != (number, given):
            self._differs(f"{what} was by {number.name} of {given}, told is {syscall.name} of {argument}")

    def _holdings(self, snapshot: Snapshot) -> None:
        held = {file: places for file in self._oracle.alive() if (places := self._places(file))}
        by_name = {name: file for file, name in self._names.items() if file in held and self._sight.addresses}
        by_place = {frozenset(places): file for file, places in held.items() if file not in by_name.values()}
        shown: dict[File, Instance] = {}
        cast = set(map(_key, (*self._oracle.processes, *self._oracle.past)))
        for row in snapshot.processes:
            for instance in row.instances if row.key in cast else ():
                file = by_name.get(instance.id) or by_place.get(frozenset(_places_of(instance)))
                if file is None:
                    self._differs(f"a ghost: {row.key} holds {instance}, known as {self._known(instance.id)}")
                elif shown.setdefault(file, instance) != instance:
                    self._differs(f"{file} is told as {shown[file]} and as {instance}")
        for file in held.keys() - shown.keys():
            self._differs(f"{file}, held at {_sorted(held[file])}, is missing")
        self._changes(held)
        self._mistaken: set[File] = set()
        for file, instance in shown.items():
            self._one(file, instance)
        self._unheld(snapshot, held.keys())
        self._held = held

    def _known(self, name: str) -> File | None:
        return next((file for names in (self._traced_as, self._names) for file in names if names[file] == name), None)

    def _name(self, file: File) -> Name:
        creation = self._traced.get(file)
        born = (_key(creation.by), creation.fd) if creation else None
        mistaken = self._names.get(file) in {name for each, name in self._traced_as.items() if each is not file}
        if mistaken or not self._sight.identities:
            return Name.EITHER
        return self._naming.of(file, born, known=file in self._names)

    def _one(self, file: File, instance: Instance) -> None:
        """An instance that is told to be held, where it is held."""
        if not _in_order(instance):
            self._differs(f"the holders of {file} are not in order: {instance.holders}")
        if set(_places_of(instance)) != self._naming.now[file]:
            self._differs(f"{file} is held at {_sorted(self._naming.now[file])}, told is {instance}")
        expected, name = self._name(file), self._names.get(file)
        told = Name.KEPT if instance.id == name else Name.FRESH
        former = next((each for each, traced_as in self._traced_as.items() if traced_as == instance.id), file)
        if expected not in (told, Name.EITHER) and instance.id != self._traced_as.get(file):
            self._differs(f"{file}, known as {name}, should be {expected.name}, told is {instance}")
        if former is not file and not self._taken_for(former, file, name == instance.id):
            self._differs(f"{file}, known as {name}, is told as {former}: {instance}")
        self._names[file] = instance.id
        creation = self._traced.get(former)
        if creation is None or instance.id != self._traced_as[former]:
            if not self._sight.identities:
                return
            if (instance.provenance, instance.creator, instance.argument) != (Provenance.FOUND, None, None):
                self._differs(f"{file} was found, told is {instance}")
            return
        if instance.provenance is not Provenance.TRACED or instance.since_ns > creation.when[1]:
            self._differs(f"{file} was traced, told is {instance}")
        self._same_argument(str(file), instance.syscall, instance.argument, creation.call)
        if instance.creator not in self._creators(creation):
            self._differs(f"{file} was created by {creation.by}, told is {instance.creator}")

    def _taken_for(self, former: File, file: File, already: bool) -> bool:
        """Without addresses, what comes to a place unseen may pass for what was there, if that one went unseen, too."""
        if self._sight.addresses:
            return False
        self._mistaken.add(former)
        places = self._held.get(former, set()) | {self._born.get(former)}
        left = file not in self._traced or not places & self._naming.now.get(former, set())
        return already or not self._sight.identities or (left and bool(places & self._naming.now[file]))

    def _creators(self, creation: Created) -> set[ProcessKey | None]:
        """Where releases are derived, one that was in flight comes back without its creator."""
        return {_key(creation.by)} if self._sight.releases else {_key(creation.by), None}

    def _unheld(self, snapshot: Snapshot, held: Set[File]) -> None:
        by_name = {name: file for file, name in (*self._names.items(), *self._traced_as.items())}  # the latter first
        told = {by_name[instance.id] for instance in snapshot.unheld if instance.id in by_name}
        alive = set(self._oracle.alive())
        traced = self._traced.keys() if not self._sight.addresses else self._names.keys()
        expected = alive & traced - held if self._sight.releases else set()
        if self._sight.releases:  # what was found anew is still held by nobody under its traced id
            expected |= {file for file in alive & self._traced.keys() if self._names[file] != self._traced_as[file]}
        if told != expected - self._mistaken:
            self._differs(f"held by nobody are {_sorted(expected)}, told are {_sorted(told)}")

    def _changes(self, held: dict[File, set[tuple[ProcessKey, int]]]) -> None:
        """What a census alone tells: how often it must at least, and how often it may."""
        self._naming = Naming(self._sight, self._held, held, self._born)
        names = {file: self._name(file) for file in held}
        found = {name: Counter(min(held[file])[0] for file in held if names[file] is name) for name in Name}
        self._found += self._between(Kind.FOUND, found[Name.FRESH], found[Name.EITHER])
        must, may = Counter[ProcessKey](), Counter[ProcessKey]()
        for file, places in self._held.items():
            if self._sight.releases and (self._sight.addresses or self._names.get(file) == self._traced_as.get(file)):
                continue  # its release is told
            name = names.get(file) or self._naming.lost(file)
            if not self._sight.identities or self._names.get(file) in self._traced_as.values():
                name = Name.EITHER
            (must if name is Name.FRESH else may)[min(places)[0]] += name is not Name.KEPT
        if not self._sight.releases:
            brief = (each for each in self._fresh if each.file not in held)
            (must if self._sight.identities else may).update(_key(each.by) for each in brief)
        self._gone += self._between(Kind.GONE, must, may)

    def _between(self, kind: Kind, must: Counter[ProcessKey], may: Counter[ProcessKey]) -> Counter[ProcessKey]:
        told = Counter(self._drain(kind))
        if not must <= told or (self._sight.identities and not told <= must + may):
            self._differs(f"{kind.name} by census must be {must} and may be {may}, told are {told}")
        return told

    def _drain(self, kind: Kind) -> Iterator[ProcessKey]:
        for key, of in [told for told in self._told if told[1] is kind]:
            for _ in self._told.pop((key, of)):
                yield key

    def _releases(self, expected: list[Released]) -> None:
        creations = {creation.file: creation for creation in self._oracle.created}
        nameless = {key[0]: self._told.pop(key) for key in list(self._told) if key[1] is Kind.RELEASE}
        for end in expected:
            told = self._told_ends(end, nameless)
            if len(told) != self._sight.releases and (told or (end.by and not end.perhaps_kernel)):
                self._differs(f"the release of {end.file} is told {len(told)} times")
            for event in told:
                self._release(end, event, creations[end.file])
        if left := [event for events in nameless.values() for event in events]:
            self._differs(f"releases of nothing: {left}")

    def _released_as(self, file: File) -> str | None:
        """The id that its release bears; None if no probe can know it."""
        return self._traced_as.get(file, self._names.get(file) if self._sight.addresses else None)

    def _told_ends(self, end: Released, nameless: dict[ProcessKey, list[Event]]) -> list[Event]:
        """The releases of an instance by its name, or else one of nobody knows which by the one who did it."""
        name = self._released_as(end.file)
        self._names.pop(end.file, None)
        self._traced_as.pop(end.file, None)
        if name is not None:
            return self._ends.pop(name, [])
        if end.by:
            of_its = nameless.get(_key(end.by), [])
        else:
            of_its = next((events for events in nameless.values() if events and COLLECTS_IN_TASK), [])
        return [of_its.pop(0)] if of_its else []

    def _release(self, end: Released, event: Event, creation: Created) -> None:
        what = f"the release of {end.file}"
        self._charged[event.process] += not event.by_kernel
        if not end.when[0] <= event.time_ns <= end.when[1]:
            self._differs(f"{what} is told to be at {event.time_ns}, which is not within {end.when}")
        by_collector = event.by_kernel or COLLECTS_IN_TASK
        rightly = by_collector if end.by is None else event.process == _key(end.by)
        if not rightly and not (event.by_kernel and end.perhaps_kernel):
            self._charged_to_another(what, end, event)
        if not self._traces(creation.call):
            if event.lifetime_ns is not None or event.created_ns:
                self._differs(f"{what} has a lifetime, but its creation was not seen: {event}")
            return
        shortest, longest = end.when[0] - creation.when[1], end.when[1] - creation.when[0]
        if event.lifetime_ns is None or not shortest <= event.lifetime_ns <= longest:
            self._differs(f"{what}: it lived {shortest} to {longest}, told is {event.lifetime_ns}")
        self._same_argument(what, event.syscall, event.argument, creation.call)

    def _charged_to_another(self, what: str, end: Released, event: Event) -> None:
        """Whoever looks at a file when its last descriptor goes (lsof, another epolltop) ends it."""
        ours = {_key(process) for process in (*self._oracle.processes, *self._oracle.past)}
        self._foreign += 1
        another = end.by is None or event.by_kernel or event.by_census or event.ppid == KTHREADD
        if another or event.process in ours or self._foreign > FOREIGN_MAX:
            self._differs(f"{what} was by {end.by or 'the kernel'}, told is {event}")
        else:
            warnings.warn(f"{what} by {end.by} went to {event.name} ({event.pid}), which looked", stacklevel=1)

    def _nothing_more(self) -> None:
        for (key, kind), events in self._told.items():
            self._differs(f"{key} did not do what is told: {len(events)} times {kind.name}, first {events[0]}")
        self._told.clear()
        ours = set(self._traced_as.values())
        for name in self._ends.keys() & ours:
            self._differs(f"{name} lives, but its release is told: {self._ends[name]}")
        self._ends.clear()

    def _counts(self, snapshot: Snapshot) -> None:
        rows = {row.key: row for row in snapshot.processes}
        created = Counter(_key(each.by) for each in self._oracle.created if self._traces(each.call))
        failed = Counter(_key(each.by) for each in self._oracle.failed if self._sees(each))
        for process in (*self._oracle.processes, *self._oracle.past):
            key = _key(process)
            row = rows.get(key)
            told = (row.created, row.failed, row.released, row.sampled_out) if row else (0, 0, 0, 0)
            born = created[key] if self._sight.creations else self._found[key]
            ended = self._charged[key] if self._sight.releases else self._gone[key]
            if told != (born, failed[key], ended, 0):
                self._differs(f"{process} created, failed, released {(born, failed[key], ended)}, told are {told}")

    def _source(self, snapshot: Snapshot) -> None:
        by_kernel = self._by_kernel + self._watcher.kernel_releases
        if snapshot.totals.released_by_kernel != by_kernel:
            self._differs(f"the kernel released {by_kernel}, told are {snapshot.totals.released_by_kernel}")
        if self._sight.creations and snapshot.source.sees_compat != self._sight.compat:
            self._differs(f"32-bit tasks are said to be {'seen' if snapshot.source.sees_compat else 'unseen'}")
        blind_spots = snapshot.source.blind_spots
        if self._sight.blind_spot and not any(self._sight.blind_spot in each for each in blind_spots):
            self._differs(f"{self._sight.blind_spot!r} is not said")

    def _traces(self, call: Call) -> bool:
        return self._sight.creations and (self._sight.compat or not call.compat)

    def _sees(self, failure: Failed) -> bool:
        return self._traces(failure.call) and (self._sight.refused or not failure.refused)

    def _places(self, file: File) -> set[tuple[ProcessKey, int]]:
        """Where the census can see it."""
        places = set()
        for process in self._oracle.processes:
            for thread in process.threads:
                if self._sight.tables or thread.tid == process.pid:
                    fds = (fd for fd, slot in thread.table.slots.items() if slot.file is file)
                    places |= {(_key(process), fd) for fd in fds}
        return places

    def _differs(self, what: str) -> None:
        self._wrong.append(what)


def _missing(snapshot: Snapshot) -> int:
    source = snapshot.source
    return source.lost + source.overflowed + source.untold_releases


def _key(process: Process) -> ProcessKey:
    return ProcessKey(process.pid, process.start)


def _by_process(happened: Iterable[Created] | Iterable[Failed]) -> Iterator[tuple[Process, list[Any]]]:
    each: dict[Process, list[Any]] = defaultdict(list)
    for one in happened:
        each[one.by].append(one)
    yield from each.items()


def _places_of(instance: Instance) -> Iterator[tuple[ProcessKey, int]]:
    return ((holder.process, fd) for holder in instance.holders for fd in holder.fds)


def _in_order(instance: Instance) -> bool:
    ordered = tuple(Holder(process, tuple(sorted(fds))) for process, fds in sorted(instance.holders))
    return instance.holders == ordered


def _sorted(things: Iterable[object]) -> list[str]:
    return sorted(map(str, things))
