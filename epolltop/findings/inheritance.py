"""Who came to an instance by inheritance, and what they do with it.

A fork copies every descriptor, an exec keeps those without close-on-exec. Both keep the numbers, and give only what
there was when the process began. A descriptor that was sent over a socket or taken with pidfd_getfd comes later, mostly
under another number: whoever does that means it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from epolltop.model.ctl_activity import CtlCounts, CtlKey
from epolltop.model.instance import Instance
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import NS_PER_TICK, ProcessKey
from epolltop.model.process_row import ProcessRow

NAMED_MAX = 3
"""Processes that a finding names."""


class Sharer(NamedTuple):
    """A process that holds an instance."""

    row: ProcessRow
    fds: tuple[int, ...]
    closes_on_exec: bool
    """All of them are known to be closed."""
    waits: bool
    """A thread of it waits on the instance, or did in the window."""
    changes: int
    """Of the interest list, since the observation began."""

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.row.name} {self.row.pid}"

    @property
    def doing(self) -> str:
        """What it does with it."""
        did = " and ".join(word for word, is_so in (("waits", self.waits), ("changed the list", self.changes)) if is_so)
        return f"{self.name} {did}"


class Heirs(NamedTuple):
    """Processes that run another program, and have instances of an owner that they do not use."""

    parts: tuple[Sharer, ...]
    """Each once."""
    instances: tuple[Instance, ...]
    """Those that they have, each once."""
    pile: int
    """The most that one of them has."""


class SharedCase(Protocol):
    """What is asked of a case of an instance."""

    instance: Instance

    @property
    def parts(self) -> Sequence[Sharer]:
        """All holders."""


def parts_of(
    instance: Instance,
    rows: Mapping[ProcessKey, ProcessRow],
    loops: Iterable[tuple[ProcessKey, LoopRow]],
    ctl: Mapping[CtlKey, CtlCounts],
) -> tuple[Sharer, ...]:
    """The holders of an instance.

    Args:
        instance: the instance.
        rows: by key; of what has none nothing is told.
        loops: of the instance, with their processes.
        ctl: changes of lists.
    """
    waiting = {process for process, row in loops if row.is_waiting or row.did.counted.per_s("waits")}
    found = []
    for process, fds in instance.holders:
        row = rows.get(process)
        if row is not None:
            add, mod, delete, *_ = ctl.get(CtlKey(*instance.traced_key, process), _UNCHANGED)
            closes = all(instance.cloexec_of(process))
            found.append(Sharer(row, fds, closes, process in waiting, add + mod + delete))
    return tuple(found)


def owner_of(instance: Instance, parts: Sequence[Sharer]) -> Sharer | None:
    """Who created it; if that is not known, the holder from which others descend, or else the only one who waits."""
    pids = {part.row.pid for part in parts}
    roots = [part for part in parts if part.row.facts.ppid not in pids]
    waiting = [part for part in parts if part.waits]
    for some in ([part for part in parts if part.row.key == instance.creator], roots, waiting):
        if len(some) == 1:
            return some[0]
    return None


def users_after_fork(instance: Instance, parts: Sequence[Sharer]) -> tuple[Sharer, ...] | None:
    """The processes that use it and have it from one fork or several: none or more than one; None if not known.

    Who waits uses it. So does who changed the list while another one waits, other than the owner: an owner that fills
    the list and leaves the waiting to its child hands it over.
    """
    if not any(part.waits for part in parts):
        return ()
    owner = owner_of(instance, parts)
    using = [part for part in parts if part.waits or (part.changes and part is not owner)]
    alike: dict[int, list[Sharer]] = {}
    for part in using:
        image = part.row.facts.image
        if image is not None and (part is owner or _may_inherit(instance, part)):
            alike.setdefault(image, []).append(part)
    users = max(alike.values(), key=len, default=[])
    if len(users) > 1 and any(part.waits for part in users):
        return tuple(users) if frozenset.intersection(*(frozenset(part.fds) for part in users)) else ()
    return None if len(using) > 1 and any(part.row.facts.image is None for part in using) else ()


def heirs_by_owner(cases: Iterable[SharedCase]) -> dict[ProcessKey, Heirs]:
    """Who has what by exec.

    Args:
        cases: of instances that several processes hold.
    """
    found: dict[ProcessKey, dict[ProcessKey, tuple[Sharer, list[Instance]]]] = {}
    for case in cases:
        owner = owner_of(case.instance, case.parts)
        for part in case.parts if owner else ():
            if owner and _is_heir(case.instance, part, owner):
                of_owner = found.setdefault(owner.row.key, {})
                of_owner.setdefault(part.row.key, (part, []))[1].append(case.instance)
    return {owner: _heirs(list(by_heir.values())) for owner, by_heir in found.items()}


def listed(names: Sequence[str]) -> str:
    """The first ones, and how many more there are."""
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


_UNCHANGED = CtlCounts()


def _heirs(by_heir: Sequence[tuple[Sharer, list[Instance]]]) -> Heirs:
    instances = {instance.file: instance for _, some in by_heir for instance in some}
    pile = max(len(some) for _, some in by_heir)
    return Heirs(tuple(part for part, _ in by_heir), tuple(instances.values()), pile)


def _is_heir(instance: Instance, part: Sharer, owner: Sharer) -> bool:
    """A program that uses what it has was given it."""
    image, owners = part.row.facts.image, owner.row.facts.image
    runs_another = image is not None and owners is not None and image != owners
    uses = part.waits or part.changes or part.closes_on_exec
    same_number = not frozenset(part.fds).isdisjoint(owner.fds)
    return runs_another and same_number and not uses and _may_inherit(instance, part)


def _may_inherit(instance: Instance, part: Sharer) -> bool:
    """Whether the instance was there when the process began, as far as is known."""
    began_ns = part.row.started_ns
    return instance.created_ns is None or (began_ns is not None and began_ns + NS_PER_TICK >= instance.created_ns)
