"""What one census shows and another does not."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence

from epolltop.model.holding import Holding


def differing_files(before: Sequence[Holding], now: Sequence[Holding]) -> Iterator[int]:
    """The files of which only one of them has a holding, some more than once.

    What did not change is mostly the same objects in the same order, so that both are compared in full only from the
    first change to the last: of 131,072 holdings all takes 75 ms, one process some 10. Process by process, because
    sets of all of them would take 30 MB.
    """
    first = _alike(before, now)
    last = _alike(reversed(before[first:]), reversed(now[first:]))
    then = _by_process(before[first : len(before) - last])
    held = _by_process(now[first : len(now) - last])
    return (
        holding.file
        for pid in {**then, **held}
        for holding in set(then.get(pid, ())).symmetric_difference(held.get(pid, ()))
    )


def _by_process(holdings: Iterable[Holding]) -> dict[int, list[Holding]]:
    held: dict[int, list[Holding]] = {}
    for holding in holdings:
        held.setdefault(holding.pid, []).append(holding)
    return held


def _alike(some: Iterable[Holding], others: Iterable[Holding]) -> int:
    """How many are the same objects, from the beginning on."""
    return sum(1 for _ in itertools.takewhile(bool, map(operator.is_, some, others)))
