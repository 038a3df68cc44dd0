"""Who processes are: by what /proc told of them, or by their last event if they were gone before it was asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence

from epolltop.model.batch import Batch
from epolltop.model.event import Event
from epolltop.model.process import Process, ProcessKey
from epolltop.model.process_selection import Selection


class KnownProcesses:
    """The living ones, and of the others those that somebody may still ask about."""

    def __init__(self, selection: Selection) -> None:
        """Knows nobody yet.

        Args:
            selection: which processes count.
        """
        self.selection = selection
        self.facts: dict[ProcessKey, Process] = {}
        """As /proc told them last."""
        self.alive: Mapping[ProcessKey, Process] = {}
        """By the last batch."""
        self.exited_actors: dict[ProcessKey, Event] = {}
        """Gone before /proc was asked: their last event speaks for them."""
        self._leaving: set[ProcessKey] = set()  # gone, but perhaps still in a census, or in what is told late
        self._users: dict[int, str] = {}  # of exited actors

    def apply(self, batch: Batch) -> set[ProcessKey]:
        """Takes in what /proc told; those that were alive at the last batch, and are not now."""
        gone = self.alive.keys() - batch.processes.keys()
        self.alive = batch.processes
        self.facts.update(batch.processes)
        self._users = {**self._users, **batch.users}
        return gone

    def selected(self, events: Sequence[Event]) -> Sequence[Event]:
        """Those by processes that count. Each may be what will speak for its process."""
        covers = self.selection.covers
        selected = (
            events
            if self.selection.is_all
            else [event for event in events if covers(event.pid, self.uid(event.process, event.uid))]
        )
        last = {(event.pid, event.start): event for event in selected if event.name}
        self.exited_actors.update((event.process, event) for who, event in last.items() if who not in self.facts)
        return selected

    def covers(self, key: ProcessKey) -> bool:
        """Whether a process counts."""
        return self.selection.covers(key.pid, self.uid(key))

    def absent(self, listed: Iterable[ProcessKey]) -> tuple[int, ...]:
        """Selected pids that are neither alive nor listed."""
        return self.selection.absent({key.pid for key in (*self.alive, *listed)})

    def named_beside(self, listed: Container[ProcessKey]) -> list[ProcessKey]:
        """The living processes whose pids were asked for and that are not listed, by pid."""
        pids = self.selection.asked
        return sorted(key for key in self.alive if key.pid in pids and key not in listed and self.covers(key))

    def uid(self, key: ProcessKey, acted_as: int | None = None) -> int | None:
        """The user that it runs as, or did; None if that is not known.

        Args:
            key: the process.
            acted_as: the user in an event of its, if there is one.
        """
        facts, actor = self.facts.get(key), self.exited_actors.get(key)
        return facts.uid if facts else acted_as if acted_as is not None else actor.uid if actor else None

    def user(self, key: ProcessKey) -> str | None:
        """The name of that user; None if it is not known."""
        facts, uid = self.facts.get(key), self.uid(key)
        return facts.user if facts else None if uid is None else self._users.get(uid)

    def let_go(
        self, gone: Collection[ProcessKey], holders: Collection[ProcessKey], acted: Callable[[ProcessKey], bool]
    ) -> None:
        """Forgets processes that held instances and did nothing else: very many come and go in a window of hours.

        Args:
            gone: as `apply` told.
            holders: who holds an instance.
            acted: whether a process did something.
        """
        left = {key for key in self._leaving if key in self.alive or key not in holders}
        for key in left:
            if key not in self.alive and not acted(key):
                self.facts.pop(key, None)
        self._leaving = (self._leaving - left).union(gone)

    def keep(self, kept: Collection[ProcessKey]) -> None:
        """Forgets all others."""
        for known in (self.facts, self.exited_actors):
            for key in known.keys() - kept:
                del known[key]
        uids = {actor.uid for actor in self.exited_actors.values()}
        self._users = {uid: user for uid, user in self._users.items() if uid in uids}
