"""The limits of a snapshot: those that its source reports, and those that follow from its numbers."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model import limits
from epolltop.model.holding import Unlisted
from epolltop.model.limits import Limit
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import SEEN_BY, Source

_LIFECYCLE = {SEEN_BY["created"], SEEN_BY["released"]}
"""The probes whose skipped runs `Source.missed` counts."""
_PIDS = 8
"""That are named one by one."""


def limits_of(snapshot: Snapshot) -> tuple[Limit, ...]:
    """Everything that epolltop cannot see here, the most important first."""
    source = snapshot.source
    asked = (*_absent(snapshot), *_without_instance(snapshot))
    return (*asked, *_no_room(source), *_uncounted(snapshot), *limits_of_source(source), *_unjudged(source))


def limits_of_source(source: Source) -> Iterator[Limit]:
    """What a source cannot see on this machine, whatever happens there."""
    yield from (limit for limit in source.limits if limit.id == limits.ONLY_PROC)
    if source.unreadable:
        yield Limit.of(limits.UNREADABLE, processes=source.unreadable)
    yield from (limit for limit in source.limits if limit.id != limits.ONLY_PROC)


def limits_of_machine(source: Source, compat: int, unlisted: Unlisted) -> tuple[Limit, ...]:
    """What the doctor finds that a source would not see.

    Args:
        source: the one that would be used.
        compat: how many processes run 32-bit programs.
        unlisted: which references to instances no census shows.
    """
    found = [*limits_of_source(source), *_unjudged(source)]
    if source.exact and not source.sees_compat:
        found.append(Limit.of(limits.COMPAT_UNCOUNTED, processes=compat))
    if unlisted.in_flight or unlisted.registered:
        found.append(
            Limit.of(
                limits.UNLISTED,
                descriptors=unlisted.in_flight,
                sockets=unlisted.sockets,
                registrations=unlisted.registered,
            )
        )
    if not unlisted.complete:
        found.append(Limit(limits.UNLISTED_UNKNOWN))
    return tuple(found)


def _absent(snapshot: Snapshot) -> Iterator[Limit]:
    """Processes that were asked for and do not exist."""
    if snapshot.absent:
        which = limits.NOT_RECORDED if snapshot.source.kind == "replay" else limits.ABSENT
        few = ", ".join(map(str, snapshot.absent[:_PIDS]))
        yield Limit.of(which, pids=few, more=max(0, len(snapshot.absent) - _PIDS))


def _without_instance(snapshot: Snapshot) -> Iterator[Limit]:
    """Processes that were asked for, and where they wait."""
    for row in snapshot.without_instance[:_PIDS]:
        waits = row.thread_waits._asdict() if row.thread_waits else {}
        yield Limit.of(limits.NO_INSTANCE, pid=row.pid, name=row.name, **waits)
    if more := len(snapshot.without_instance[_PIDS:]):
        yield Limit.of(limits.NO_INSTANCE, more=more)


def _no_room(source: Source) -> Iterator[Limit]:
    """Limits from full maps and buffers, and their effect on what is shown."""
    unnoted = source.overflowed - source.unattributed
    if source.unattributed:
        yield Limit.of(limits.UNATTRIBUTED, calls=source.unattributed)
    if unnoted > 0:
        yield Limit.of(limits.BIRTHS_UNNOTED, creations=unnoted)
    if source.stacks_left_out:
        yield Limit.of(limits.STACKS_LEFT_OUT, creations=source.stacks_left_out)


def _uncounted(snapshot: Snapshot) -> Iterator[Limit]:
    """Calls that are in no count although the probes are attached."""
    source, programs = snapshot.source, sum(row.facts.compat for row in snapshot.processes)
    of_unknown_probe = source.missed - sum(
        limit.number("runs")
        for limit in source.limits
        if limit.id == limits.PROBE_MISSED and limit.text("probe") in _LIFECYCLE
    )
    if of_unknown_probe > 0:  # in recordings of an earlier epolltop
        yield Limit.of(limits.MISSED, runs=of_unknown_probe)
    if programs and not source.sees_compat:
        yield Limit.of(limits.COMPAT_UNCOUNTED, processes=programs)
    if snapshot.unseen:
        yield Limit.of(limits.CREATIONS_UNSEEN, instances=snapshot.unseen, compat=int(not source.sees_compat))


def _unjudged(source: Source) -> Iterator[Limit]:
    """What no rule finds although its evidence is traced."""
    if source.sees("away_ns") and not source.sees("away_runq_ns"):
        yield Limit(limits.RUN_QUEUES_UNSEEN)
