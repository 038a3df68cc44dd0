"""Which loops there are: of each process, and of each instance."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import ProcessKey

Group = TypeVar("Group")

_BY_THREAD = operator.attrgetter("tid", "file", "created_ns")


class LoopIndex:
    """All that are known."""

    def __init__(self) -> None:
        self.by_process: dict[ProcessKey, dict[LoopKey, None]] = {}
        """By thread."""
        self.gone: dict[LoopKey, None] = {}
        """Those that are not present any more; the oldest first."""
        self._by_instance: dict[tuple[int, int], dict[LoopKey, None]] = {}  # by file and time of creation
        self._shared: dict[tuple[int, int], None] = {}  # those with several loops

    @property
    def shared(self) -> list[Collection[LoopKey]]:
        """Groups of several loops with the same instance."""
        return [self._by_instance[each] for each in self._shared]

    def come(self, keys: Collection[LoopKey]) -> None:
        """Takes in some that are present, for the first time or again."""
        for key in keys:
            self.gone.pop(key, None)
            self.by_process.setdefault(key.process, {})[key] = None
            group = self._by_instance.setdefault(_instance(key), {})
            group[key] = None
            if len(group) > 1:
                self._shared[_instance(key)] = None
        for process in {key.process for key in keys}:
            self.by_process[process] = dict.fromkeys(sorted(self.by_process[process], key=_BY_THREAD))

    def leave(self, keys: Iterable[LoopKey]) -> None:
        """Takes in that some are not present any more."""
        self.gone.update(dict.fromkeys(sorted(keys)))

    def forget(self, keys: Iterable[LoopKey]) -> None:
        """Drops some of the gone."""
        for key in keys:
            self.gone.pop(key, None)
            _remove(self.by_process, key.process, key)
            _remove(self._by_instance, _instance(key), key)
            if len(self._by_instance.get(_instance(key), ())) == 1:
                del self._shared[_instance(key)]

    def beside(self, keys: Iterable[LoopKey]) -> set[ProcessKey]:
        """The processes that have loops with the same instances."""
        return {other.process for key in keys for other in self._by_instance[_instance(key)]}


def missing(before: Mapping[LoopKey, object], now: Mapping[LoopKey, object]) -> Collection[LoopKey]:
    """The keys that are there no more."""
    return () if before is now or before.keys() == now.keys() else before.keys() - now.keys()


def _instance(key: LoopKey) -> tuple[int, int]:
    return key.file, key.created_ns


def _remove(groups: dict[Group, dict[LoopKey, None]], group: Group, key: LoopKey) -> None:
    del groups[group][key]
    if not groups[group]:
        del groups[group]
