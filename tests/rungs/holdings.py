"""Who holds which instance, under which id, and what a census told of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set

from epolltop.model.event import Kind
from epolltop.model.instance import Holder, Instance, Provenance
from epolltop.model.process import ProcessKey
from epolltop.model.snapshot import Snapshot

from . import calls
from .coverage import Coverage, Place, key_of, keys_of
from .descriptions import instance_in_words, listed, places, places_of
from .files import Created, File
from .ids import Ids, birthplace
from .naming import Name, Naming
from .oracle import Oracle
from .reported import Reported


class Holdings:
    """Of a run, from look to look."""

    def __init__(self, coverage: Coverage, oracle: Oracle, told: Reported, ids: Ids) -> None:
        self._coverage = coverage
        self._oracle = oracle
        self._told = told
        self._ids = ids
        self._before: dict[File, set[Place]] = {}
        """Where each instance was at the last look, as far as the rung sees."""
        self._naming: Naming
        self._mistaken: set[File] = set()
        """Ended, or unseen, and now another instance is taken for it."""
        self.found: Counter[ProcessKey] = Counter()
        self.gone: Counter[ProcessKey] = Counter()
        """As the census told so far."""

    def compare(self, snapshot: Snapshot, traced: Iterable[Created]) -> Iterator[str]:
        """Differences.

        Args:
            snapshot: what is told.
            traced: creations told since the last look.
        """
        alive = ((file, self._coverage.places(self._oracle, file)) for file in self._oracle.alive())
        held = {file: where for file, where in alive if where}
        born = {creation.file: birthplace(creation) for creation in traced}
        self._naming = Naming(self._coverage, self._before, held, born)
        self._mistaken = set()
        shown: dict[File, Instance] = {}
        yield from self._shown(snapshot, held, shown)
        yield from self._found()
        yield from self._gone()
        for file, instance in shown.items():
            yield from self._one(file, instance)
        yield from self._unheld(snapshot, held.keys())
        self._before = held

    def _shown(self, snapshot: Snapshot, held: dict[File, set[Place]], shown: dict[File, Instance]) -> Iterator[str]:
        """Which is which: by id where that is the same in events and census, else by all its places."""
        by_id = {
            name: file
            for file, name in self._ids.last.items()
            if file in held and self._coverage.addresses and self._name(file) is Name.KEPT
        }
        by_place = {frozenset(where): file for file, where in held.items() if file not in by_id.values()}
        cast = keys_of(self._oracle)
        for row in snapshot.processes:
            for instance in row.instances if row.key in cast else ():
                file = by_id.get(instance.id) or by_place.get(frozenset(places_of(instance)))
                if file is None:
                    known = self._ids.known().get(instance.id)
                    yield f"a ghost: {row.key.pid} holds {instance_in_words(instance)}, known as {known}"
                elif shown.setdefault(file, instance) != instance:
                    yield f"{file} is told as {instance_in_words(shown[file])} and as {instance_in_words(instance)}"
        for file in held.keys() - shown.keys():
            yield f"{file}, held at {places(held[file])}, is missing"

    def _name(self, file: File) -> Name:
        """Of one that is held."""
        last, creation = self._ids.last.get(file), self._ids.creations.get(file)
        mistaken = last is not None and last in self._ids.of_another(file)
        if mistaken:
            return Name.EITHER
        return self._naming.of(file, birthplace(creation) if creation else None, known=last is not None)

    def _one(self, file: File, instance: Instance) -> Iterator[str]:
        """An instance that is told to be held, where it is held."""
        ids, name, words = self._ids, self._ids.last.get(file), instance_in_words(instance)
        if instance.holders != tuple(Holder(key, tuple(sorted(fds))) for key, fds in sorted(instance.holders)):
            yield f"the holders of {file} are not in order: {instance.holders}"
        if set(places_of(instance)) != self._naming.now[file]:
            yield f"{file} is held at {places(self._naming.now[file])}, told is {words}"
        expected, told = self._name(file), Name.KEPT if instance.id == name else Name.FRESH
        if expected not in (told, Name.EITHER):
            yield f"{file}, known as {name}, should be {expected.name}, told is {words}"
        former = next((each for each, traced in ids.traced.items() if traced == instance.id), file)
        if former is not file and not self._may_be_taken_for(former, file, already=name == instance.id):
            yield f"{file}, known as {name}, is told as {former}: {words}"
        ids.last[file] = instance.id
        if ids.traced.get(former) == instance.id:
            yield from self._traced(file, instance, ids.creations[former])
        elif not _is_found(instance):
            yield f"{file} was found, told is {words}"

    def _traced(self, file: File, instance: Instance, creation: Created) -> Iterator[str]:
        """What was seen at its creation is told."""
        words = instance_in_words(instance)
        if instance.provenance is not Provenance.TRACED or instance.since_ns > creation.when[1]:
            yield f"{file} was traced, told is {words}"
        yield from calls.argument(str(file), instance.syscall, instance.argument, creation.call)
        if instance.creator != key_of(creation.by):
            yield f"{file} was created by {creation.by}, told is {words}"

    def _may_be_taken_for(self, former: File, file: File, *, already: bool) -> bool:
        """Without addresses, what comes to a place unseen passes for what was there, if that one left unseen, too."""
        if self._coverage.addresses:
            return False
        self._mistaken.add(former)
        were = self._before.get(former, set()) | ({self._naming.born[former]} if former in self._naming.born else set())
        left = file not in self._ids.creations or not were & self._naming.now.get(former, set())
        return already or (left and bool(were & self._naming.now[file]))

    def _unheld(self, snapshot: Snapshot, held: Set[File]) -> Iterator[str]:
        """Known to live, though no descriptor is: only where a release would be told. Others are gone."""
        known, alive, cast = self._ids.known(), set(self._oracle.alive()), keys_of(self._oracle)
        told = {known[instance.id] for instance in snapshot.unheld if instance.id in known}
        for instance in snapshot.unheld:
            if instance.id not in known and instance.creator in cast:
                yield f"a ghost: nobody holds {instance_in_words(instance)}"
        expected: set[File] = set()
        if self._coverage.releases:
            traced = self._ids.creations.keys() & alive
            expected = (alive & self._ids.last.keys() if self._coverage.addresses else traced) - held
            # What was found anew is still held by nobody under its traced id.
            expected |= {file for file in traced if self._ids.last[file] != self._ids.traced[file]}
        if told != expected - self._mistaken:
            yield f"held by nobody are {listed(expected - self._mistaken)}, told are {listed(told)}"

    def _found(self) -> Iterator[str]:
        """What has no id yet is found, by the first of its holders."""
        must, may = Counter[ProcessKey](), Counter[ProcessKey]()
        for file, where in self._naming.now.items():
            name = self._name(file)
            if name is not Name.KEPT:
                (must if name is Name.FRESH else may)[min(where)[0]] += 1
        told = self._by_census(Kind.FOUND)
        self.found += told
        yield from self._between("found", must, may, told)

    def _gone(self) -> Iterator[str]:
        """What has lost its id without a release is gone."""
        must, may = Counter[ProcessKey](), Counter[ProcessKey]()
        for file, where in self._before.items():
            traced = self._ids.last.get(file) == self._ids.traced.get(file)
            if self._coverage.releases and (self._coverage.addresses or traced):
                continue  # its release is told
            name = self._name(file) if file in self._naming.now else self._naming.lost(file)
            if self._ids.last.get(file) in self._ids.traced.values():
                name = Name.EITHER
            if name is not Name.KEPT:
                (must if name is Name.FRESH else may)[min(where)[0]] += 1
        if not self._coverage.releases:
            brief = (file for file in self._naming.born if file not in self._naming.now)
            must.update(self._naming.born[file][0] for file in brief)
        told = self._by_census(Kind.GONE)
        self.gone += told
        yield from self._between("gone", must, may, told)

    def _by_census(self, kind: Kind) -> Counter[ProcessKey]:
        return Counter({key: len(events) for key, events in self._told.take_all(kind).items()})

    def _between(
        self, what: str, must: Counter[ProcessKey], may: Counter[ProcessKey], told: Counter[ProcessKey]
    ) -> Iterator[str]:
        """At least what must be, at most what may be, too."""
        if not must <= told <= must + may:
            yield f"{what} by census must be {_by_pid(must)} and may be {_by_pid(may)}, told are {_by_pid(told)}"


def _is_found(instance: Instance) -> bool:
    return (instance.provenance, instance.creator, instance.argument) == (Provenance.FOUND, None, None)


def _by_pid(counts: Counter[ProcessKey]) -> str:
    return listed(f"{count} of {key.pid}" for key, count in counts.items())
