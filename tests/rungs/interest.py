"""Changes of interest lists: how many calls of each process for each instance, and how they failed."""

from __future__ import annotations

import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from epolltop.model.ctl_activity import CtlCounts, CtlKey, CtlOperation
from epolltop.model.instance_key import instance_id
from epolltop.model.process import ProcessKey
from epolltop.model.rates import added
from epolltop.model.snapshot import CtlError

from .coverage import Coverage, key_of, keys_of
from .files import Bounds, Changed
from .ids import Ids
from .oracle import Oracle
from .reported import Reported

RINGS_ARE_SEEN = tuple(map(int, platform.release().split(".")[:2])) >= (6, 0)
"""The tracepoint tells the request."""
_READD_NS = 1_000_000_000
_PLACES = 8
"""For removals, by the lowest bits of the descriptor."""


class _List(NamedTuple):
    """An interest list, and who changes it."""

    process: ProcessKey
    instance: str | None
    """The id by which it was traced; None: one whose creation the rung did not see."""


def compare(told: Reported, oracle: Oracle, coverage: Coverage, ids: Ids) -> Iterator[str]:
    """Differences. What a process did with instances whose creation was not seen is compared as a whole."""
    happened, cast = defaultdict[_List, list[Changed]](list), keys_of(oracle)
    for change in oracle.changed if coverage.changes else ():
        if RINGS_ARE_SEEN or not change.by_ring:
            happened[_List(key_of(change.by), ids.born.get(change.file))].append(change)
    counted, failed = defaultdict[_List, CtlCounts](CtlCounts), defaultdict[_List, Counter[CtlError]](Counter)
    for key, counts in told.changes.items():
        counted[_told_as(key)] = added(counted[_told_as(key)], counts)
    for key, errors in told.refused.items():
        failed[_told_as(key)].update(errors)
    for each in sorted(happened.keys() | {each for each in counted | failed if each.process in cast}, key=str):
        changes = happened.get(each, [])
        yield from _one(str(each), changes, counted[each])
        errors = Counter(
            (_operation(change), change.errno) for change in changes if change.errno and not change.by_ring
        )
        if errors != failed[each]:
            yield f"{each} failed {dict(errors)}, told are {dict(failed[each])}"


def _one(what: str, changes: list[Changed], told: CtlCounts) -> Iterator[str]:
    operations = Counter(map(_operation, changes))
    expected = CtlCounts(
        add=operations[CtlOperation.ADD],
        mod=operations[CtlOperation.MOD],
        delete=operations[CtlOperation.DEL],
        via_io_uring=sum(change.by_ring for change in changes),
        readd=told.readd,
    )
    if told != expected:
        yield f"{what} was changed {expected}, told are {told}"
    least, most = _readded(changes)
    if not least <= told.readd <= most:
        yield f"{what} had {least} to {most} watches again, told are {told.readd}"


def _readded(changes: Iterable[Changed]) -> Bounds:
    """Additions of one watch within a second of its removal: at least and at most. A request passes for a success."""
    removed: dict[int, Changed] = {}
    least = most = 0
    for change in changes:
        if change.asked.target is None or (change.errno and not change.by_ring):
            continue
        place = change.asked.target % _PLACES
        last = removed.get(place)
        if _operation(change) is CtlOperation.DEL:
            removed[place] = change
        elif _operation(change) is CtlOperation.ADD and last and _watched(last) == _watched(change):
            least += change.when[1] - last.when[0] <= _READD_NS
            most += change.when[0] - last.when[1] <= _READD_NS
            del removed[place]
    return least, most


def _watched(change: Changed) -> tuple[object, ...]:
    return change.asked.target, change.inode, change.file


def _operation(change: Changed) -> CtlOperation:
    return CtlOperation(change.asked.operation)


def _told_as(key: CtlKey) -> _List:
    return _List(key.process, instance_id(key.traced_key) if key.created_ns else None)
