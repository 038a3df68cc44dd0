"""Who holds what a census shows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from epolltop.model.batch import Holding, ProcessKey
from epolltop.model.snapshot import Holder


def by_file(
    holdings: Sequence[Holding], files: Collection[int] | None
) -> dict[int, tuple[Holding, tuple[Holder, ...]]]:
    """The first holding of each of some files, or of all, and its holders.

    Addresses are bad hashes, their low bits being the same: a look into a large dictionary costs 0.1 us, so that a
    census of 100,000 takes as few as it can.
    """
    shown: dict[int, tuple[Holding, tuple[Holder, ...]]] = {}
    several: dict[int, list[Holding]] = {}
    process = ProcessKey(0, 0)
    for holding in holdings:
        file = holding.file
        if files is not None and file not in files:
            continue
        if holding.pid != process.pid or holding.start != process.start:  # they come process by process
            process = ProcessKey(holding.pid, holding.start)
        one = holding, (Holder(process, (holding.fd,)),)
        first = shown.setdefault(file, one)
        if first is not one:
            several.setdefault(file, [first[0]]).append(holding)
    shown.update((file, (each[0], _holders(each))) for file, each in several.items())
    return shown


def joined(holders: tuple[Holder, ...], others: tuple[Holder, ...]) -> tuple[Holder, ...]:
    """Whoever is in one of them, with the descriptors of both."""
    if not others:
        return holders
    fds: dict[ProcessKey, set[int]] = {}
    for process, of in (*holders, *others):
        fds.setdefault(process, set()).update(of)
    return tuple(Holder(process, tuple(sorted(fds[process]))) for process in sorted(fds))


def _holders(holdings: list[Holding]) -> tuple[Holder, ...]:
    # A set, because threads without their leader, or with tables of their own, show one descriptor several times.
    fds: dict[ProcessKey, set[int]] = {}
    for holding in holdings:
        fds.setdefault(ProcessKey(holding.pid, holding.start), set()).add(holding.fd)
    return tuple(Holder(process, tuple(sorted(fds[process]))) for process in sorted(fds))
