"""Who holds what a census shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from epolltop.model.batch import Holding, ProcessKey
from epolltop.model.snapshot import Cloexec, Holder

_SINGLE: dict[tuple[bool | None, ...], tuple[bool | None, ...]] = {(flag,): (flag,) for flag in (None, False, True)}
"""One object for all that are equal: of 131,072 holders nearly all have a single descriptor."""


class Shown(NamedTuple):
    """What a census shows of one file."""

    first: Holding
    holders: tuple[Holder, ...]
    cloexec: Cloexec
    """As in Instance."""


_OF_ONE: dict[bool | None, Cloexec] = {None: (), True: ((True,),), False: ((False,),)}
"""Nearly all have one descriptor: these are shared."""


def by_file(holdings: Sequence[Holding], files: Collection[int] | None) -> dict[int, Shown]:
    """What is shown of each of some files, or of all.

    Addresses are bad hashes, their low bits being the same: a look into a large dictionary costs 0.1 us, so that a
    census of 100,000 takes as few as it can.
    """
    shown: dict[int, Shown] = {}
    several: dict[int, list[Holding]] = {}
    process = ProcessKey(0, 0)
    for holding in holdings:
        file = holding.file
        if files is not None and file not in files:
            continue
        if holding.pid != process.pid or holding.start != process.start:  # they come process by process
            process = ProcessKey(holding.pid, holding.start)
        one = Shown(holding, (Holder(process, (holding.fd,)),), _OF_ONE[holding.cloexec])
        first = shown.setdefault(file, one)
        if first is not one:
            several.setdefault(file, [first.first]).append(holding)
    shown.update((file, _of_several(each)) for file, each in several.items())
    return shown


def joined(holders: tuple[Holder, ...], others: tuple[Holder, ...]) -> tuple[Holder, ...]:
    """Whoever is in one of them, with the descriptors of both."""
    if not others:
        return holders
    fds: dict[ProcessKey, set[int]] = {}
    for process, of in (*holders, *others):
        fds.setdefault(process, set()).update(of)
    return tuple(Holder(process, tuple(sorted(fds[process]))) for process in sorted(fds))


def shared(holders: tuple[Holder, ...], before: tuple[Holder, ...]) -> tuple[Holder, ...]:
    """The same, of the objects that stand for them already: of 300 holders mostly one changes, and others are kept."""
    known = {holder: holder for holder in before}
    return tuple(known.get(holder, holder) for holder in holders)


def _of_several(holdings: list[Holding]) -> Shown:
    # A mapping, because threads without their leader, or with tables of their own, show one descriptor several times.
    fds: dict[ProcessKey, dict[int, bool | None]] = {}
    for holding in holdings:
        fds.setdefault(ProcessKey(holding.pid, holding.start), {})[holding.fd] = holding.cloexec
    told = [(process, sorted(fds[process])) for process in sorted(fds)]
    holders = tuple(Holder(process, tuple(numbers)) for process, numbers in told)
    flags = (tuple(fds[process][fd] for fd in numbers) for process, numbers in told)
    cloexec = tuple(_SINGLE.get(each, each) for each in flags)
    return Shown(holdings[0], holders, cloexec if any(holding.cloexec is not None for holding in holdings) else ())
