"""Which creation a probe saw belongs to which open file that a walk through /proc found.

A creation returned a descriptor: at that place, until it is closed, the instance is found. Nothing tells when a place
is closed or taken over by another instance, and a thread may have a table of its own with the same numbers. So a place
vouches for what was created there since the last walk, and for what the last walk found there, as long as it lives.
Where places of one file vouch for several instances, or files for the same one, those are settled first that are
certain; what is left over has no name, for unknown is better than wrong.

Where releases are not told nobody knows what lives: there a place vouches for what was created there last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from epolltop.model.batch import Event, Holding, Kind

_Place = tuple[int, int, int]
"""pid, start and descriptor."""
_Name = tuple[int, int]
"""Address and time of creation, as in events; or a number of the walk and 0."""


class Naming:
    """What is known from one walk to the next."""

    def __init__(self) -> None:
        self._creations: dict[_Place, Event] = {}  # since the last walk: the newest at each place
        self._alive: dict[_Name, Event] = {}  # created, and not known to be released; what no walk finds is forgotten
        self._found: dict[_Place, _Name] = {}  # by the last walk
        self._told = False  # whether releases are
        self._named: set[_Name] = set()  # of these, what was created under our eyes
        self._last: tuple[Sequence[Holding], Sequence[Holding]] = (), ()

    def learn(self, events: Iterable[Event]) -> None:
        """Takes in what probes saw before the next walk, in order."""
        for event in events:
            name = event.file, event.created_ns
            if event.kind is Kind.CREATE and event.fd is not None and event.file:
                self._creations[event.pid, event.start, event.fd] = event
                self._alive[name] = event
            elif event.kind is Kind.RELEASE:
                self._alive.pop(name, None)
                self._told = True

    def forget(self, is_over: Callable[[Event], bool]) -> None:
        """Takes in which creations left nothing that is still alive, by other knowledge than events."""
        self._alive = {name: event for name, event in self._alive.items() if not is_over(event)}
        self._creations = {place: event for place, event in self._creations.items() if not is_over(event)}

    def named(self, scanned: Sequence[Holding], later: Iterable[Event] = ()) -> Sequence[Holding]:
        """What a walk found, by the addresses and creations of events where they are known.

        Args:
            scanned: by numbers; the very object of the last walk if it found the same.
            later: what probes saw after the walk began, which may have found it already.
        """
        before, known = self._last
        if scanned is before and not self._creations and self._alive.keys() >= self._named:
            return known
        names = _settled(self._evidence(scanned, later))
        events = self._alive | {(event.file, event.created_ns): event for event in later if event.fd is not None}
        creations = {number: events.get(name) for number, name in names.items()}
        self._found = {
            (holding.pid, holding.start, holding.fd): names.get(holding.file, (holding.file, 0)) for holding in scanned
        }
        self._alive = {name: event for name in names.values() if (event := self._alive.get(name))}
        self._creations = {}
        self._named = set(self._alive)
        holdings = [_of(creations.get(holding.file), holding) for holding in scanned]
        self._last = scanned, holdings
        return holdings

    def _evidence(self, scanned: Sequence[Holding], later: Iterable[Event]) -> dict[int, list[_Name]]:
        """What the places of each file vouch for."""
        during = {(event.pid, event.start, event.fd): event for event in later if event.kind is Kind.CREATE}
        evidence: dict[int, list[_Name]] = {}
        for holding in scanned:
            place = holding.pid, holding.start, holding.fd
            names = evidence.setdefault(holding.file, [])
            created, found = _name(self._creations.get(place)), self._found.get(place)
            candidates = (created, found) if self._told or created is None else (created,)
            here = [name for name in candidates if name and (not name[1] or name in self._alive)]
            here = here or [name for name in (_name(during.get(place)),) if name]
            names += (name for name in here if name not in names)
        return evidence


def _name(created: Event | None) -> _Name | None:
    return (created.file, created.created_ns) if created is not None and created.file else None


def _settled(evidence: dict[int, list[_Name]]) -> dict[int, _Name]:
    """The files that must be what they are named; a name that is taken is none for others."""
    settled: dict[int, _Name] = {}
    while True:
        single = {number: names[0] for number, names in evidence.items() if len(names) == 1}
        claims = Counter(single.values())
        certain = {number: name for number, name in single.items() if claims[name] == 1}
        settled |= certain
        taken = set(certain.values())
        rest = {number: names for number, names in evidence.items() if len(names) > 1}
        if not taken or not rest:
            return settled
        evidence = {number: [name for name in names if name not in taken] for number, names in rest.items()}


def _of(created: Event | None, holding: Holding) -> Holding:
    if created is None:
        return holding
    return holding._replace(
        file=created.file, created_ns=created.created_ns, argument=created.argument or 0, syscall=created.syscall
    )
