"""Which epoll instances exist and who holds them, from events and censuses.

An event is exact but may be missing (lost, left out in a storm, older than the trace) or late (each CPU delivers on its
own). A census is complete but a moment old. Rules that reconcile them:

- A file address is reused as soon as it is free: an instance is (address, time of creation or first sight).
- A census cannot refute what happened after it began: later creations may be missing in it, later releases present.
- What a census no longer shows is gone, unless its release would have been told: then only descriptors in flight or a
  waiting thread keep it, and it stays, held by nobody.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Collection, Sequence

from epolltop.model.batch import Census, Event, Holding, Kind, ProcessKey, Syscall
from epolltop.model.snapshot import Holder, Instance, Provenance


class Instances:
    """The live instances. `changed` names processes whose holdings differ since it was last cleared."""

    def __init__(self) -> None:
        self.live: dict[int, Instance] = {}
        self.changed: set[ProcessKey] = set()
        self._held: dict[ProcessKey, set[int]] = {}
        self._released: dict[int, Event] = {}  # by file: the last release, for what comes late
        self._untold: set[int] = set()  # met by census only, so that their release may come without an event too
        self._last_holdings: Sequence[Holding] | None = None
        self._looked_ns = 0  # when the last census began
        self._touched = False

    def copy(self) -> Instances:
        """What is known, to go on with separately."""
        twin = copy.copy(self)
        twin.live, twin.changed = dict(self.live), set(self.changed)
        twin._held = {process: set(files) for process, files in self._held.items()}
        twin._released, twin._untold = dict(self._released), set(self._untold)
        return twin

    def holders(self) -> Collection[ProcessKey]:
        """Processes with at least one descriptor."""
        return self._held.keys()

    def of(self, process: ProcessKey) -> tuple[Instance, ...]:
        """Its instances, by lowest descriptor."""
        instances = [self.live[file] for file in self._held.get(process, ())]
        return tuple(sorted(instances, key=lambda instance: instance.fds_of(process)))

    def apply_event(self, event: Event) -> Event:
        """A creation or release that a probe saw.

        Returns:
            The event, with the identity of the instance if the probe could not tell.
        """
        if event.kind is Kind.CREATE and event.file:
            self._create(event)
        elif event.kind is Kind.RELEASE:
            released = self._release(event)
            if released is not None and not event.since_ns:
                return event._replace(since_ns=released.since_ns)
        return event

    def apply_watches(self, file: int, watches: int) -> None:
        """The length of an interest list as it was just read."""
        instance = self.live.get(file)
        if instance is not None and instance.watches != watches:
            self._put(dataclasses.replace(instance, watches=watches))

    def apply_census(self, census: Census, *, release_told: bool) -> list[Event]:
        """Heals: adds what was missed, drops what is gone, and knows all holders afterwards.

        Args:
            census: of all processes.
            release_told: every release since the census before last came as an event, but for what a census met first.

        Returns:
            FOUND and GONE for each change that no event had announced.
        """
        # What comes later than two censuses ends up right all the same: the next one heals it.
        self._released = {file: last for file, last in self._released.items() if last.time_ns >= self._looked_ns}
        self._looked_ns = census.started_ns
        unchanged = census.holdings is self._last_holdings and not self._touched
        if unchanged and (release_told or all(instance.holders for instance in self.live.values())):
            return []
        first = self._last_holdings is None
        by_file: dict[int, list[Holding]] = {}
        for holding in census.holdings:
            by_file.setdefault(holding.file, []).append(holding)
        met = [self._meet(file, holdings, census) for file, holdings in by_file.items()]
        found = (_inferred(Kind.FOUND, instance, census.started_ns) for instance in met if instance and not first)
        gone = [
            self._miss(instance, census.started_ns, release_told)
            for file, instance in list(self.live.items())
            if file not in by_file
        ]
        self._last_holdings, self._touched = census.holdings, False
        return [event for event in (*found, *gone) if event is not None]

    def _create(self, event: Event) -> None:
        released = self._released.get(event.file)
        if released is not None and released.time_ns >= event.created_ns:
            return  # its release overtook it, or even a successor's
        live = self.live.get(event.file)
        if live is not None and live.created_ns == event.created_ns:
            self._untold.discard(event.file)  # a census was quicker, and knows more about holders
            return
        if live is not None:
            if live.since_ns > event.created_ns:
                return  # its successor overtook it
            self._drop(live)
        holders = (Holder(event.process, (event.fd,)),) if event.fd is not None else ()
        self._put(_traced(event.file, event.created_ns, event.process, event.syscall, event.argument, holders=holders))
        if event.created_ns < self._looked_ns:
            self._untold.add(event.file)  # so late that a census did not show it: its release may be lost meanwhile

    def _release(self, event: Event) -> Instance | None:
        last = self._released.get(event.file)
        if last is None or last.time_ns < event.time_ns:
            self._released[event.file] = event
        live = self.live.get(event.file)
        # Of a former instance at this address, arriving late, if it bears another birth or precedes this one's.
        if live is None or (live.created_ns or 0) != event.created_ns or live.since_ns > event.time_ns:
            return None
        self._drop(live)
        return live

    def _meet(self, file: int, holdings: list[Holding], census: Census) -> Instance | None:
        """Takes in one instance of a census; the instance if nothing had announced it."""
        created_ns, started_ns = holdings[0].created_ns, census.started_ns
        live = self.live.get(file)
        if live is not None and created_ns and live.created_ns != created_ns:
            if live.since_ns > started_ns:
                return None  # the census saw the former instance at this address
            self._drop(live)
            live = None
        if live is not None:
            if not _as_held(live.holders, holdings):
                self._put(dataclasses.replace(live, holders=_holders(holdings)))
            return None
        released = self._released.get(file)
        if released is not None and released.time_ns >= started_ns:
            return None
        holders = _holders(holdings)
        if created_ns or not census.by_address:
            self._untold.add(file)
        if created_ns:
            argument, syscall = holdings[0].argument, Syscall(holdings[0].syscall)
            self._put(_traced(file, created_ns, None, syscall, argument, holders=holders))
            return None
        instance = Instance(file, started_ns, Provenance.FOUND, None, Syscall.UNKNOWN, None, holders)
        self._put(instance)
        return instance

    def _miss(self, instance: Instance, started_ns: int, release_told: bool) -> Event | None:
        if instance.since_ns >= started_ns:
            return None
        told = instance.file not in self._untold
        if release_told and told:
            if instance.holders:
                self._put(dataclasses.replace(instance, holders=()))
            return None
        self._drop(instance)
        # Left out above the detail rate: not worth a line that its creation did not get either.
        sampled_out = not told and instance.provenance is Provenance.TRACED
        return None if sampled_out else _inferred(Kind.GONE, instance, started_ns)

    def _put(self, instance: Instance) -> None:
        file = instance.file
        before = self.live.get(file)
        if before is not None:
            for process, _ in before.holders:
                self._let_go(process, file)
        self.live[file] = instance
        for process, _ in instance.holders:
            held = self._held.get(process)
            if held is None:
                held = self._held[process] = set()
            held.add(file)
            self.changed.add(process)
        self._touched = True

    def _drop(self, instance: Instance) -> None:
        del self.live[instance.file]
        self._untold.discard(instance.file)
        for holder in instance.holders:
            self._let_go(holder.process, instance.file)
        self._touched = True

    def _let_go(self, process: ProcessKey, file: int) -> None:
        files = self._held[process]
        files.discard(file)
        if not files:
            del self._held[process]
        self.changed.add(process)


def _traced(
    file: int,
    created_ns: int,
    creator: ProcessKey | None,
    syscall: Syscall,
    argument: int | None,
    *,
    holders: tuple[Holder, ...],
) -> Instance:
    known = argument if syscall is not Syscall.UNKNOWN else None
    return Instance(file, created_ns, Provenance.TRACED, creator, syscall, known, holders)


def _holders(holdings: list[Holding]) -> tuple[Holder, ...]:
    if len(holdings) == 1:  # nearly all
        (only,) = holdings
        return (Holder(ProcessKey(only.pid, only.start), (only.fd,)),)
    # A set, because threads without their leader, or with tables of their own, show one descriptor several times.
    fds: dict[ProcessKey, set[int]] = {}
    for holding in holdings:
        fds.setdefault(ProcessKey(holding.pid, holding.start), set()).add(holding.fd)
    return tuple(Holder(process, tuple(sorted(fds[process]))) for process in sorted(fds))


def _as_held(holders: tuple[Holder, ...], holdings: list[Holding]) -> bool:
    """Whether nothing changed; quick for the common case of one descriptor."""
    if len(holdings) == 1 and len(holders) == 1:
        (holding,), (holder,) = holdings, holders
        return holder.fds == (holding.fd,) and holder.process == (holding.pid, holding.start)
    return holders == _holders(holdings)


def _inferred(kind: Kind, instance: Instance, at_ns: int) -> Event:
    """What a census tells, charged to the first holder: who acted, and when exactly, is not known."""
    process = instance.holders[0].process if instance.holders else ProcessKey(0, 0)
    fds = instance.holders[0].fds if instance.holders else ()
    return Event(
        kind=kind,
        time_ns=at_ns,
        file=instance.file,
        created_ns=instance.created_ns or 0,
        pid=process.pid,
        tid=0,
        ppid=0,
        uid=None,
        start=process.start,
        cgroup=0,
        name="",
        fd=fds[0] if fds else None,
        errno=0,
        syscall=instance.syscall,
        argument=instance.argument,
        by_kernel=False,
        since_ns=instance.since_ns,
    )
