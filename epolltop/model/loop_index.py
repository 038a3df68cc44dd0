"""Which loops there are: of each process, and of each instance."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Collection, Iterable, Mapping, Set

from epolltop.model.instance_key import TracedKey
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import ProcessKey

_BY_THREAD = operator.attrgetter("tid", "file", "created_ns")


class LoopIndex:
    """All that are known."""

    def __init__(self) -> None:
        self.by_process: dict[ProcessKey, tuple[LoopKey, ...]] = {}
        """By thread. While none comes or is forgotten it is the same object."""
        self.gone: dict[LoopKey, None] = {}
        """Those that are not present any more; the oldest first."""
        self._by_instance: dict[TracedKey, dict[LoopKey, None]] = {}
        self._by_file: dict[int, set[TracedKey]] = {}  # one after the other may have been at an address
        self._shared: dict[TracedKey, None] = {}  # those with several loops

    @property
    def shared(self) -> list[Collection[LoopKey]]:
        """Groups of several loops with the same instance."""
        return [self._by_instance[each] for each in self._shared]

    def come(self, keys: Collection[LoopKey]) -> None:
        """Takes in some that are present, for the first time or again."""
        came: dict[ProcessKey, set[LoopKey]] = {}
        for key in keys:
            self.gone.pop(key, None)
            came.setdefault(key.process, set()).add(key)
            group = self._by_instance.setdefault(key.traced_key, {})
            if not group:
                self._by_file.setdefault(key.file, set()).add(key.traced_key)
            group[key] = None
            if len(group) > 1:
                self._shared[key.traced_key] = None
        for process, new in came.items():
            before = self.by_process.get(process, ())
            if not new.issubset(before):
                self.by_process[process] = tuple(sorted(new.union(before), key=_BY_THREAD))

    def leave(self, keys: Iterable[LoopKey]) -> None:
        """Takes in that some are not present any more."""
        self.gone.update(dict.fromkeys(sorted(keys)))

    def forget(self, keys: Iterable[LoopKey]) -> None:
        """Drops some of the gone."""
        over: dict[ProcessKey, set[LoopKey]] = {}
        for key in keys:
            self.gone.pop(key, None)
            over.setdefault(key.process, set()).add(key)
            group = self._by_instance[key.traced_key]
            del group[key]
            if not group:
                del self._by_instance[key.traced_key]
                self._by_file[key.file].remove(key.traced_key)
                if not self._by_file[key.file]:
                    del self._by_file[key.file]
            elif len(group) == 1:
                del self._shared[key.traced_key]
        for process, old in over.items():
            self.by_process[process] = tuple(key for key in self.by_process[process] if key not in old)
            if not self.by_process[process]:
                del self.by_process[process]

    def on(self, files: Set[int]) -> set[ProcessKey]:
        """The processes that have loops with instances at these addresses, held by them or not."""
        waited_on = self._by_file.keys() & files
        instances = itertools.chain.from_iterable(map(self._by_file.__getitem__, waited_on))
        return {key.process for each in instances for key in self._by_instance[each]}

    def beside(self, keys: Iterable[LoopKey]) -> set[ProcessKey]:
        """The processes that have loops with the same instances."""
        return {other.process for key in keys for other in self._by_instance[key.traced_key]}


def have_same(before: Mapping[LoopKey, object], now: Mapping[LoopKey, object]) -> bool:
    """Whether they have the same keys, nearly always in the same order."""
    same = before is now or (len(before) == len(now) and all(map(operator.is_, before, now)))
    return same or before.keys() == now.keys()


def missing(before: Mapping[LoopKey, object], now: Mapping[LoopKey, object]) -> Collection[LoopKey]:
    """The keys that are there no more."""
    return () if have_same(before, now) else before.keys() - now.keys()
