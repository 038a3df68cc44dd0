"""The holders of instances in a census."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from epolltop.model.holding import Holding
from epolltop.model.instance import Cloexec, Holder
from epolltop.model.interned import single
from epolltop.model.process import ProcessKey

_SINGLE: dict[tuple[bool | None, ...], tuple[bool | None, ...]] = {(flag,): (flag,) for flag in (None, False, True)}
"""One object for all that are equal: of 131,072 holders nearly all have a single descriptor."""


class Shown(NamedTuple):
    """The holdings of one file in a census."""

    first: Holding
    holders: tuple[Holder, ...]
    cloexec: Cloexec
    """As in Instance."""


_OF_ONE: dict[bool | None, Cloexec] = {None: (), True: ((True,),), False: ((False,),)}
"""Nearly all have one descriptor: these are shared."""


def by_file(holdings: Sequence[Holding], files: Collection[int] | None) -> dict[int, Holding | list[Holding]]:
    """The holdings of each of some files, or of all. Mostly it is one: of 131,072 a list each would take 8 MB.

    Addresses are bad hashes, because their low bits are the same: a look into a large dictionary costs 0.1 us. So a
    census of 100,000 makes as few looks as it can.
    """
    told: dict[int, Holding | list[Holding]] = {}
    for holding in holdings:
        file = holding.file
        if files is not None and file not in files:
            continue
        first = told.setdefault(file, holding)
        if isinstance(first, list):
            first.append(holding)
        elif first is not holding:
            told[file] = [first, holding]
    return told


def shown(told: Holding | list[Holding], processes: dict[ProcessKey, ProcessKey]) -> Shown:
    """What that shows of the file.

    One by one, when it is its turn: of all files at once it would be a second copy of what is known of 131,072 holders.

    Args:
        told: of one file, by `by_file`.
        processes: each by itself; this adds those that it lacks. Equal ones are one object then.
    """
    if isinstance(told, list):
        return _of_several(told, processes)
    return Shown(told, (Holder(_process(told, processes), single(told.fd)),), _OF_ONE[told.cloexec])


def joined(holders: tuple[Holder, ...], others: tuple[Holder, ...]) -> tuple[Holder, ...]:
    """The holders of both, with all their descriptors."""
    if not others:
        return holders
    fds: dict[ProcessKey, set[int]] = {}
    for process, of in (*holders, *others):
        fds.setdefault(process, set()).update(of)
    return tuple(Holder(process, tuple(sorted(fds[process]))) for process in sorted(fds))


def shared(holders: tuple[Holder, ...], before: tuple[Holder, ...]) -> tuple[Holder, ...]:
    """The same, of the objects that stand for them already: of 300 holders mostly one changes, and others are kept."""
    if holders == before:
        return before
    known = {holder: holder for holder in before}
    return tuple(known.get(holder, holder) for holder in holders)


def _process(holding: Holding, processes: dict[ProcessKey, ProcessKey]) -> ProcessKey:
    process = ProcessKey(holding.pid, holding.start)
    return processes.setdefault(process, process)


def _of_several(holdings: Sequence[Holding], processes: dict[ProcessKey, ProcessKey]) -> Shown:
    # A mapping, because threads without their leader, or with tables of their own, show one descriptor several times.
    fds: dict[ProcessKey, dict[int, bool | None]] = {}
    for holding in holdings:
        fds.setdefault(_process(holding, processes), {})[holding.fd] = holding.cloexec
    numbered = [(process, sorted(fds[process])) for process in sorted(fds)]
    holders = tuple(Holder(process, tuple(numbers)) for process, numbers in numbered)
    flags = (tuple(fds[process][fd] for fd in numbers) for process, numbers in numbered)
    cloexec = tuple(_SINGLE.get(each, each) for each in flags)
    return Shown(holdings[0], holders, cloexec if any(holding.cloexec is not None for holding in holdings) else ())
