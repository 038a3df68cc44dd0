"""Creations and failures: each call is told once, in order, with the right thread, time, argument and result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeVar

from epolltop.model.event import Event, Kind, Syscall

from .coverage import Coverage, key_of
from .descriptions import event_in_words
from .files import Bounds, Call, Created, Failed, Process
from .ids import Ids
from .reported import Reported

_Happened = TypeVar("_Happened", Created, Failed)


def creations(expected: Iterable[Created], coverage: Coverage, told: Reported, ids: Ids) -> Iterator[str]:
    """Differences. The ids of what is traced are learnt."""
    for process, all_of_it in _by_process(expected):
        traced = [each for each in all_of_it if coverage.traces(each.call)]
        events = told.take(key_of(process), Kind.CREATE)
        if len(events) != len(traced):
            yield f"{process} created {len(traced)} that can be seen, told are {len(events)}"
        for creation, event in zip(traced, events, strict=False):
            what = f"the creation of {creation.file} at {creation.fd}"
            yield from _call(what, event, creation.call, creation.when, creation.tid)
            if event.fd != creation.fd or event.errno or not event.instance:
                yield f"{what} is told as {event_in_words(event)}"
            if event.instance in ids.last.values():
                yield f"{what} has the id of another, {event.instance}"
            ids.trace(creation, event.instance or "")


def failures(expected: Iterable[Failed], coverage: Coverage, told: Reported) -> Iterator[str]:
    """Differences."""
    for process, all_of_it in _by_process(expected):
        seen = [each for each in all_of_it if coverage.sees(each)]
        events = told.take(key_of(process), Kind.CREATE_FAILED)
        if len(events) != len(seen):
            yield f"{process} failed {len(seen)} times, told are {len(events)}"
        for failure, event in zip(seen, events, strict=False):
            what = f"the failure of {process} with {failure.errno}"
            yield from _call(what, event, failure.call, failure.when, failure.tid)
            if (event.errno, event.fd, event.file, event.instance) != (failure.errno, None, 0, None):
                yield f"{what} is told as {event_in_words(event)}"


def argument(what: str, syscall: Syscall, given: int | None, call: Call) -> Iterator[str]:
    """Differs if it was another call, or of another argument."""
    expected = (Syscall.EPOLL_CREATE1, call.flags) if call.size is None else (Syscall.EPOLL_CREATE, call.size)
    if (syscall, given) != expected:
        yield f"{what} was by {expected[0].name}({expected[1]}), told is {syscall.name}({given})"


def _call(what: str, event: Event, call: Call, when: Bounds, tid: int) -> Iterator[str]:
    if not when[0] <= event.time_ns <= when[1]:
        yield f"{what} is told to be at {event.time_ns}, which is not within {when}"
    if event.tid != tid:
        yield f"{what} was by thread {tid}, told is {event.tid}"
    yield from argument(what, event.syscall, event.argument, call)


def _by_process(happened: Iterable[_Happened]) -> Iterator[tuple[Process, list[_Happened]]]:
    ordered = sorted(happened, key=lambda each: key_of(each.by))
    return ((process, list(each)) for process, each in groupby(ordered, lambda each: each.by))
