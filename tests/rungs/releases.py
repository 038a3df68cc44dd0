"""The ends of instances: each is told once, of whoever dropped the last reference."""

from __future__ import annotations

import platform
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator

from epolltop.model.event import Event, Kind
from epolltop.model.process import ProcessKey

from . import calls
from .coverage import Coverage, key_of, keys_of
from .descriptions import event_in_words
from .files import Created, Process, Released
from .guest import IN_GUEST
from .ids import Ids
from .oracle import Oracle
from .reported import Reported

FOREIGN_MAX = 0 if IN_GUEST else 3
"""Releases of one run that may be charged to a process of others that looked just then; in a guest there are none."""
KTHREADD = 2
"""The parent of all threads of the kernel."""
COLLECTS_IN_TASK = tuple(map(int, platform.release().split(".")[:2])) < (6, 1)
"""The collector of descriptors in flight runs in whoever closes a socket (seen on 5.10), not in a thread of its own."""


class Releases:
    """Of a run, from look to look."""

    def __init__(self, coverage: Coverage, oracle: Oracle, told: Reported, ids: Ids, collector: Process) -> None:
        self._coverage = coverage
        self._oracle = oracle
        self._told = told
        self._ids = ids
        self._collector = key_of(collector)
        self._foreign = 0
        self.charged: Counter[ProcessKey] = Counter()
        """As they were told so far."""

    def awaited(self, ended: Iterable[Released]) -> set[str]:
        """Ids of those that the kernel releases in its own time."""
        late = (end.file for end in ended if end.by is None or end.perhaps_kernel)
        names = {self._ids.of_release(file, self._coverage) for file in late} if self._coverage.releases else set()
        return {name for name in names if name}

    def compare(self, ended: Iterable[Released]) -> Iterator[str]:
        """Differences. The ids of what has ended are forgotten.

        A late one that has no name may be missing: nothing tells which of the kernel's releases is ours.
        """
        creations = {creation.file: creation for creation in self._oracle.created}
        nameless = self._told.take_all(Kind.RELEASE)
        for end in ended:
            name = self._ids.of_release(end.file, self._coverage)
            self._ids.forget(end.file)
            events = self._told.ends.pop(name, []) if name else self._nameless(end, nameless)
            due = name or (end.by and not end.perhaps_kernel)
            if len(events) != self._coverage.releases and (events or due):
                yield f"the release of {end.file} is told {len(events)} times"
            for event in events:
                yield from self._one(end, event, creations[end.file])
        for event in (event for events in nameless.values() for event in events):
            yield f"a release of nothing: {event_in_words(event)}"
        for name in self._told.ends.keys() & set(self._ids.traced.values()):
            yield f"{self._ids.known()[name]} lives, told is {event_in_words(self._told.ends[name][0])}"

    def _nameless(self, end: Released, nameless: dict[ProcessKey, list[Event]]) -> list[Event]:
        """The next of those without a name that the right process did."""
        if end.by:
            of_its = nameless.get(key_of(end.by), [])
        else:
            of_its = next((events for events in nameless.values() if events and COLLECTS_IN_TASK), [])
        return [of_its.pop(0)] if of_its else []

    def _one(self, end: Released, event: Event, creation: Created) -> Iterator[str]:
        """A release by a thread of the kernel may come late, so that its time has wide bounds (LATE_NS)."""
        what = f"the release of {end.file}"
        self.charged[event.process] += not event.by_kernel
        if not end.when[0] <= event.time_ns <= end.when[1]:
            yield f"{what} is told to be at {event.time_ns}, which is not within {end.when}"
        if not self._rightly_charged(end, event) and not self._looked(end, event):
            yield f"{what} was by {end.by or 'the kernel'}, told is {event_in_words(event)}"
        if not self._coverage.traces(creation.call):
            if event.lifetime_ns is not None or event.created_ns:
                yield f"{what} has a lifetime, but its creation was not seen: {event_in_words(event)}"
            return
        shortest, longest = end.when[0] - creation.when[1], end.when[1] - creation.when[0]
        if event.lifetime_ns is None or not shortest <= event.lifetime_ns <= longest:
            yield f"{what}: it lived {shortest} to {longest}, told is {event.lifetime_ns}"
        yield from calls.argument(what, event.syscall, event.argument, creation.call)

    def _rightly_charged(self, end: Released, event: Event) -> bool:
        """To the one who did it, or to the kernel if that may have taken it over.

        What is in flight ends by a thread of the kernel, on older ones by the process that closed a socket last.
        """
        if event.by_kernel:
            return end.by is None or end.perhaps_kernel
        if (end.by is None or end.perhaps_kernel) and COLLECTS_IN_TASK:
            return event.process in {*keys_of(self._oracle), self._collector}
        return end.by is not None and event.process in {key_of(end.by), *map(key_of, end.perhaps)}

    def _looked(self, end: Released, event: Event) -> bool:
        """Whoever looks at a file when its last descriptor goes (lsof, another epolltop) ends it."""
        self._foreign += 1
        cast = {key.pid for key in keys_of(self._oracle)}
        ours = event.by_kernel or event.by_census or event.ppid == KTHREADD or event.pid in cast
        if end.by is None or ours or self._foreign > FOREIGN_MAX:
            return False
        text = f"the release of {end.file} by {end.by} went to {event.name} ({event.pid}), which looked"
        warnings.warn(text, stacklevel=1)
        return True
