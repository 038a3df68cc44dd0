"""Which epoll instances exist and which processes hold them, from events and censuses.

An event is exact but may be missing (lost, left out in a storm, older than the trace) or late (each CPU delivers on its
own). A census is complete but a moment old. Rules that reconcile them:

- A file address is reused as soon as it is free: an instance is (address, time of creation or first sight).
- A census cannot refute what happened after it began: later creations may be missing in it, later releases present.
- An instance that a census no longer shows is gone, unless its release would have had an event. In that case only
  descriptors in flight or a waiting thread keep it, and it stays without a holder.
- A census that is cut short shows only a part of some processes. They keep the instances that they were known to hold,
  and nothing is gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from epolltop.model.census_difference import differing_files
from epolltop.model.census_event import census_event
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.holders import Shown, by_file, joined, shared, shown
from epolltop.model.holding import Census, Holding
from epolltop.model.instance import Cloexec, Held, Holder, Instance, Provenance, Thread
from epolltop.model.instance_index import InstanceIndex
from epolltop.model.interned import forget_interned, process_key, single, thread
from epolltop.model.lists_kept import ListsKept, with_equal_watches
from epolltop.model.past_holders import latest
from epolltop.model.process import ProcessKey
from epolltop.model.watch import InterestList

UNCERTAIN_MAX = 10_000
"""Instances that are kept although a census that was cut short did not show them: 10 MB. More are forgotten, and found
again by a census that reaches them."""
LIVE_MAX = 160_000
"""Instances known one by one: 160 MB. A census has fewer; creations without room wait for the next census."""


class Instances:
    """Reconciles what events and censuses tell of them."""

    def __init__(self) -> None:
        self.live = InstanceIndex()
        self._released: dict[int, int] = {}  # by file: when it was released last, for what comes late
        self._untold: set[int] = set()  # met by census only, so that their release may come without an event too
        self._last_holdings: Sequence[Holding] | None = None
        self._lists_kept = ListsKept()
        self.looked_ns = 0
        """When the last census began."""
        self.cut: frozenset[ProcessKey] = frozenset()
        """Processes that may hold more than is known."""
        self._by_address = False  # the last census named files as events do
        self.crowded = False
        """There was no room for all since the last census."""
        self._uncertain: set[int] = set()  # live, and not shown by a census that was cut short
        self._told_whole = True  # no release went untold since the last census that was not
        self._open: set[int] = set()  # files about which an event was told, or a census could not tell, since
        self._most = 0  # were live at a census since room was given back
        self._succeeded: list[Instance] = []  # since, by another one at the same address, without an event of their end

    @property
    def is_complete(self) -> bool:
        """Whether every instance was live, by its address, that a process held at the last census."""
        return self._by_address and not (self.cut or self.crowded)

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
                return event._replace(since_ns=released.since_ns, created_ns=released.created_ns or 0)
        return event

    def apply_watches(self, file: int, watches: int) -> None:
        """The length of an interest list as it was just read."""
        instance = self.live.by_file.get(file)
        if instance is not None and instance.watches != watches:
            self.live.put(instance._replace(watches=watches))

    def apply_interest(self, file: int, interest: InterestList) -> None:
        """An interest list as it was just read."""
        instance = self.live.by_file.get(file)
        if instance is None:
            return
        if instance.interest != interest:
            told = with_equal_watches(interest, instance.interest)
            self.live.put(instance._replace(interest=told, watches=interest.length))
        for let_go in self._lists_kept.keep(file, len(interest.watches)):
            if other := self.live.by_file.get(let_go):
                self.live.put(other._replace(interest=None))

    def apply_census(self, census: Census, *, release_told: bool, release_traced: bool = True) -> list[Event]:
        """Adds instances that events missed, drops those that are gone, and updates all holders.

        Looks only at files that changed since the last census or had an event since; the rest is unchanged.

        Args:
            census: of all processes.
            release_told: every release since the census before last came as an event, except of instances that a
                census found first.
            release_traced: a probe sees every release. If not, an instance may also be gone without an event because
                another one took over its address.

        Returns:
            FOUND and GONE for each change that no event had announced.
        """
        # Events that come later than two censuses do no lasting harm: the next census corrects their effect.
        self._released = {file: last_ns for file, last_ns in self._released.items() if last_ns >= self.looked_ns}
        release_told = release_told and self._told_whole
        self._told_whole = release_told or not census.cut
        births_from = 0 if release_traced else self.looked_ns
        self.looked_ns = census.started_ns
        first, files = self._last_holdings is None, self._doubtful(census, release_told)
        self._last_holdings = census.holdings  # those before go at once: where all are new they take 30 MB
        self.cut, self.crowded, self._by_address = census.cut, False, census.by_address
        if not census.cut:
            self._uncertain = set()
        self._open = set()
        told = by_file(census.holdings, files)
        missed = [file for file in sorted(self.live.by_file if files is None else files) if file not in told]
        del files  # 8 MB, if all are in doubt
        processes: dict[ProcessKey, ProcessKey] = {}
        met = [self._meet(shown(each, processes), census, births_from) for each in told.values()]
        found = (census_event(Kind.FOUND, instance, census.started_ns) for instance in met if instance and not first)
        gone = (
            self._miss(instance, census.started_ns, release_told)
            for file in missed
            if (instance := self.live.by_file.get(file)) is not None
        )
        news = [event for event in (*found, *gone) if event is not None]
        succeeded, self._succeeded = self._succeeded, []
        if not release_traced:
            news += [census_event(Kind.GONE, instance, census.started_ns) for instance in succeeded]
        self._give_back_room()
        return news

    def _give_back_room(self) -> None:
        """After a flood: a collection keeps room for the most that it had, what is remembered pins memory around it.

        Of 131,072 instances the room is 19 MB.
        """
        self._most = max(self._most, len(self.live.by_file))
        if len(self.live.by_file) < self._most // 2:
            self._most = len(self.live.by_file)
            self.live.give_back_room()
            self._untold = set(self._untold)
            forget_interned()

    def _doubtful(self, census: Census, release_told: bool) -> set[int] | None:
        """The files that a census must be asked about; None: all."""
        if self._last_holdings is None:
            return None
        files = self._open  # another one begins with this census
        if not release_told:
            files.update(self.live.unheld)
        if not census.cut:
            files |= self._uncertain
        for process in self.cut.symmetric_difference(census.cut):
            files.update(self.live.files_of(process))
        files.update(differing_files(self._last_holdings, census.holdings))
        return files

    def _create(self, event: Event) -> None:
        self._open.add(event.file)
        if self._released.get(event.file, -1) >= event.created_ns:
            return  # its release overtook it, or even a successor's
        creator, by = process_key(event.pid, event.start), thread(event.tid, event.name)
        live = self.live.by_file.get(event.file)
        if live is not None and live.created_ns == event.created_ns:
            self._untold.discard(event.file)  # a census was quicker, and knows more about holders
            told = live._replace(creator=creator, thread=by, stack=event.stack or live.stack)
            if told != live:
                self.live.put(told)
            return
        if live is not None:
            if live.since_ns > event.created_ns:
                return  # its successor overtook it
            self._succeeded.append(live)
            self._drop(live)
        elif len(self.live.by_file) >= LIVE_MAX:
            self.crowded = True
            return
        holders = (Holder(creator, single(event.fd)),) if event.fd is not None else ()
        made = event.file, event.created_ns, creator, event.syscall, event.argument
        self._released.pop(event.file, None)  # what comes late of the former is older than this one
        self.live.add(_traced(*made, holders=holders, thread=by, stack=event.stack))
        if event.created_ns < self.looked_ns:
            self._untold.add(event.file)  # so late that a census did not show it: its release may be lost meanwhile

    def _release(self, event: Event) -> Instance | None:
        self._open.add(event.file)
        self._released[event.file] = max(event.time_ns, self._released.get(event.file, 0))
        live = self.live.by_file.get(event.file)
        # Of a former instance at this address, arriving late, if it precedes this one. If it follows, this one is gone,
        # also if it bears another birth: the kernel may have had no room to note one, or no event told the successor's.
        if live is None or live.since_ns > event.time_ns:
            return None
        self._drop(live)
        return live

    def _meet(self, met: Shown, census: Census, births_from: int) -> Instance | None:
        """Takes in one instance of a census; the instance if nothing had announced it.

        A birth before `births_from` is of what is known by it, or of a former instance at this address: the kernel's
        note of it goes with a release that is seen, and the last census did not show it.
        """
        first, holders, cloexec = met
        file, created_ns, started_ns = first.file, first.created_ns, census.started_ns
        live = self.live.by_file.get(file)
        if created_ns < births_from and (live is None or live.created_ns != created_ns):
            created_ns = 0
        if live is not None and created_ns and live.created_ns != created_ns:
            if live.since_ns > started_ns:
                self._open.add(file)
                return None  # the census saw the former instance at this address
            if live.since_ns < created_ns:  # else it is the same, met before its birth was noted
                self._succeeded.append(live)
            self._drop(live)
            live = None
        if live is not None:
            self._meet_again(live, met, started_ns)
            return None
        if self._released.get(file, -1) >= started_ns:
            self._open.add(file)
            return None
        if created_ns or not census.by_address:
            self._untold.add(file)
        if created_ns:
            creator = process_key(first.creator, first.creator_start) if first.creator else None
            by = thread(first.creator_tid, None)
            made = file, created_ns, creator, Syscall(first.syscall), first.argument
            self.live.add(_traced(*made, holders=holders, cloexec=cloexec, thread=by))
            return None
        found = Instance(file, started_ns, Provenance.FOUND, None, Syscall.UNKNOWN, None, holders, cloexec=cloexec)
        self.live.add(found)
        return found

    def _miss(self, instance: Instance, started_ns: int, release_told: bool) -> Event | None:
        if instance.since_ns >= started_ns:
            self._open.add(instance.file)
            return None
        told = instance.file not in self._untold
        believed = self._believed(instance)
        kept = release_told and told and not believed
        if self.cut and not kept and len(self._uncertain) < UNCERTAIN_MAX:
            self._uncertain.add(instance.file)
            kept = True
        if kept:
            if instance.holders != believed:
                self.live.put(self._handed_on(instance, believed, started_ns))
            return None
        self._drop(instance)
        if self.cut:
            return None
        # Left out above the detail rate: not worth a line that its creation did not get either.
        sampled_out = not told and instance.provenance is Provenance.TRACED
        return None if sampled_out else census_event(Kind.GONE, instance, started_ns)

    def _meet_again(self, live: Instance, met: Shown, started_ns: int) -> None:
        """Updates the holders of a known instance."""
        self._uncertain.discard(live.file)
        holders = joined(met.holders, self._believed(live))
        cloexec = met.cloexec if holders == met.holders else ()  # of whom it did not show, it told nothing
        if (live.holders, live.cloexec) != (holders, cloexec):
            self.live.put(self._handed_on(live, shared(holders, live.holders), started_ns, cloexec))

    def _handed_on(
        self, instance: Instance, holders: tuple[Holder, ...], at_ns: int, cloexec: Cloexec = ()
    ) -> Instance:
        past = instance.past
        if instance.holders != holders:  # else only the flags of their descriptors differ
            past = latest((*past, Held(at_ns, instance.holders)), len(self.live.by_file))
        return instance._replace(holders=holders, past=past, cloexec=cloexec)

    def _believed(self, instance: Instance) -> tuple[Holder, ...]:
        """Those of its holders that the last census cannot refute."""
        return tuple(holder for holder in instance.holders if holder.process in self.cut)

    def _drop(self, instance: Instance) -> None:
        self.live.drop(instance)
        self._uncertain.discard(instance.file)
        self._untold.discard(instance.file)
        self._lists_kept.forget(instance.file)


def _traced(
    file: int,
    created_ns: int,
    creator: ProcessKey | None,
    syscall: Syscall,
    argument: int | None,
    *,
    holders: tuple[Holder, ...],
    cloexec: Cloexec = (),
    thread: Thread | None = None,
    stack: tuple[str, ...] = (),
) -> Instance:
    known = argument if syscall is not Syscall.UNKNOWN else None
    made = file, created_ns, Provenance.TRACED, creator, syscall, known, holders
    return Instance(*made, stack=stack, cloexec=cloexec, thread=thread)
