"""What was told, in as many words as a difference needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from epolltop.model.event import Event, Kind
from epolltop.model.instance import Instance

from .coverage import Place


def event_in_words(event: Event) -> str:
    """What is compared of it, and who it was."""
    how = " as a kernel thread" * event.by_kernel + " as the census" * event.by_census
    what = f"{event.kind.name} of {event.instance or hex(event.file)} by {event.pid}/{event.tid} ({event.name}){how}"
    call = f"{event.syscall.name}({event.argument}) fd={event.fd} errno={event.errno}"
    lived = f", lived {event.lifetime_ns}" if event.kind is Kind.RELEASE else ""
    return f"{what} at {event.time_ns}, {call}{lived}"


def instance_in_words(instance: Instance) -> str:
    """What is compared of it."""
    call = f"{instance.syscall.name}({instance.argument})"
    creator = instance.creator and instance.creator.pid
    return f"{instance.id} {instance.provenance.name} by {creator}, {call}, held at {places(places_of(instance))}"


def places_of(instance: Instance) -> Iterator[Place]:
    """Where it is told to be held."""
    return ((holder.process, fd) for holder in instance.holders for fd in holder.fds)


def places(them: Iterable[Place]) -> str:
    """PID:FD of each."""
    return " ".join(f"{key.pid}:{fd}" for key, fd in sorted(them)) or "none"


def listed(things: Iterable[object]) -> str:
    """In order."""
    return ", ".join(sorted(map(str, things))) or "none"
