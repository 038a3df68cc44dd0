"""Which creation a probe saw belongs to which open file that a walk through /proc found.

A creation returned a descriptor: at that place, until it is closed, the instance is found. Nothing tells when a place
is closed or taken over by another instance, and a thread may have a table of its own with the same numbers. So a place
vouches for what was created there since the last walk, and for what the last walk found there, as long as it lives,
unless a creation in that very table shows that the place had become free. So a name is wrong only where an instance
took over a place unseen: by dup(2), from a socket, because a creation was lost or late, while the walk went on, or
because the main thread has exited and another one's table, which had become its own, is that of the process now.
Where places of one file vouch for several instances, or files for the same one, those are settled first that are
certain; what is left over has no name, for unknown is better than wrong.

If no probe reports releases, epolltop does not know which instances live. Then a place stands for the instance that was
created there last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from epolltop.model.event import Event, Kind
from epolltop.model.holding import Holding

_ProcessSlot = tuple[int, int, int]
"""pid, start and descriptor."""
_Identity = tuple[int, int]
"""Address and time of creation, as in events; or a number of the walk and 0."""
_NOTHING: _Identity = 0, 0


class Naming:
    """What is known from one walk to the next."""

    def __init__(self, shares_table: Callable[[int, int], bool] = lambda pid, tid: pid == tid) -> None:
        """Knows nothing yet.

        Args:
            shares_table: whether a thread is known to have the descriptors that /proc shows of its process.
        """
        self._shares_table = shares_table
        self._creations: dict[_ProcessSlot, list[_Identity]] = {}  # since the last walk, at each place
        self._taken: set[_ProcessSlot] = set()  # of these: the former instance there has certainly moved or gone
        self._alive: dict[int, Event] = {}
        """Creations by address, except instances that were released or that no walk finds."""
        self._found: dict[_ProcessSlot, _Identity] = {}  # by the last walk
        self._told = False  # whether releases are
        self._last: tuple[Sequence[Holding], Sequence[Holding]] = (), ()
        self._changed = False  # what is known, since

    def learn(self, events: Iterable[Event]) -> None:
        """Takes in what probes saw before the next walk, in order."""
        for event in events:
            if event.kind is Kind.CREATE and event.fd is not None and event.file:
                self._create(event)
            elif event.kind is Kind.RELEASE:
                self._told = True
                live = self._alive.get(event.file)
                # 0: the kernel had no room to note its birth.
                if live and live.created_ns <= event.time_ns and event.created_ns in (0, live.created_ns):
                    del self._alive[event.file]
                    self._changed = True

    def _create(self, event: Event) -> None:
        live, place = self._alive.get(event.file), _place(event)
        if live and live.created_ns > event.created_ns:
            return  # the event of the next instance at this address came first
        self._alive[event.file] = event
        self._changed = True
        if self._found.get(place, _NOTHING)[1] > event.created_ns:
            return  # the event of a later instance at its place came first
        self._creations.setdefault(place, []).append(_name(event))
        if self._shares_table(event.pid, event.tid):
            self._taken.add(place)

    def forget(self, is_over: Callable[[Event], bool]) -> None:
        """Takes in which created instances are known to have ended by other means than events."""
        over = {_name(event) for event in self._alive.values() if is_over(event)}
        if over:
            self._alive = {file: event for file, event in self._alive.items() if _name(event) not in over}
            self._creations = {
                place: [name for name in names if name not in over] for place, names in self._creations.items()
            }
            self._changed = True

    def named(self, scanned: Sequence[Holding], later: Sequence[Event] = ()) -> Sequence[Holding]:
        """The holdings of a walk, named by the addresses and creation times of events where these are known.

        Args:
            scanned: by numbers; the very object of the last walk if it found the same.
            later: what probes saw after the walk began, which may have found it already.
        """
        before, known = self._last
        if scanned is before and not self._changed:
            return known
        during = {_place(event): event for event in later if event.kind is Kind.CREATE and event.file}
        names = _settled(self._evidence(scanned, during))
        events = {_name(event): event for event in (*self._alive.values(), *during.values())}
        creations = {number: event for number, name in names.items() if (event := events.get(name))}
        self._found = {_place(holding): names.get(holding.file, (holding.file, 0)) for holding in scanned}
        self._alive = {event.file: event for event in creations.values() if self._lives(_name(event))}
        self._creations = {}
        self._taken = set()
        self._changed = False
        holdings = [_of(creations.get(holding.file), holding) for holding in scanned]
        self._last = scanned, holdings
        return holdings

    def _evidence(self, scanned: Sequence[Holding], during: Mapping[_ProcessSlot, Event]) -> dict[int, list[_Identity]]:
        """The instances that the places of each file stand for."""
        evidence: dict[int, list[_Identity]] = {}
        for holding in scanned:
            place = holding.pid, holding.start, holding.fd
            names = evidence.setdefault(holding.file, [])
            here = self._vouched(place)
            if not here and place in during:
                here = [_name(during[place])]
            names += (name for name in here if name not in names)
        return evidence

    def _vouched(self, place: _ProcessSlot) -> list[_Identity]:
        created, found = self._creations.get(place), self._found.get(place)
        if place in self._taken:
            found = None
        if created and not self._told:
            return created[-1:]
        candidates = ([found] if found else []) + (created or [])
        return [name for name in candidates if not name[1] or self._lives(name)]

    def _lives(self, name: _Identity) -> bool:
        """As far as is known: reuse of an address shows it, too."""
        event = self._alive.get(name[0])
        return event is not None and event.created_ns == name[1]


def _name(event: Event) -> _Identity:
    return event.file, event.created_ns


def _place(at: Event | Holding) -> _ProcessSlot:
    assert at.fd is not None
    return at.pid, at.start, at.fd


def _settled(evidence: dict[int, list[_Identity]]) -> dict[int, _Identity]:
    """The files whose names are certain. A name that is taken cannot be another file's."""
    settled: dict[int, _Identity] = {}
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
        file=created.file,
        created_ns=created.created_ns,
        argument=created.argument or 0,
        syscall=created.syscall,
        creator=created.pid,
        creator_start=created.start,
        creator_tid=created.tid,
    )
