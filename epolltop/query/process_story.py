"""A process as a person tells it: labelled lines about its descriptors, its waits, and where instances were made."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model.process_row import ProcessRow
from epolltop.query.creation_stacks import creation_stacks
from epolltop.query.story import StoryLine
from epolltop.text.numbers import UNKNOWN, grouped, plural

_KINDS = {
    "socket": "socket",
    "pipe": "pipe",
    "file": "file",
    "epoll": "epoll descriptor",
    "eventfd": "eventfd",
    "timerfd": "timerfd",
    "inotify": "inotify descriptor",
    "io_uring": "io_uring ring",
}

_STACKS_TOLD = 3


def process_story(row: ProcessRow) -> list[StoryLine]:
    """Its descriptors by kind, where its threads wait if it has no event loop, and where its instances were made."""
    return list(_lines(row))


def _lines(row: ProcessRow) -> Iterator[StoryLine]:
    yield None, f"process {row.name} ({row.pid})"
    yield "descriptors", _descriptors(row)
    if not row.loops:
        yield "waits", _waits(row)
    yield from _created(row)


def _descriptors(row: ProcessRow) -> str:
    counted = row.descriptors
    total = row.facts.fds if counted is None else counted.total
    limit = f" of at most {grouped(row.facts.fd_limit)}" if row.facts.fd_limit is not None else ""
    told = f"{UNKNOWN if total is None else grouped(total)}{limit}"
    if counted is None:
        return f"{told}; of which kinds is not known"
    kinds = [plural(number, word) for kind, word in _KINDS.items() if (number := getattr(counted, kind))]
    kinds += [f"{grouped(counted.other)} of other kinds"] * bool(counted.other)
    return f"{told}: {', '.join(kinds)}" if kinds else told


def _waits(row: ProcessRow) -> str:
    waits = row.thread_waits
    if waits is None:
        return f"no event loop of it is known; where its threads wait instead: {UNKNOWN}"
    there = [f"{plural(number, 'thread')} in {call}" for call, number in waits._asdict().items() if number]
    if not there:
        return "no thread of it waits in epoll, poll, select or io_uring now"
    return f"not in epoll: {', '.join(there)}"


def _created(row: ProcessRow) -> Iterator[StoryLine]:
    """The most frequent stacks, a line for each frame; nothing if none is known."""
    stacks = creation_stacks(row)
    for count, stack in stacks[:_STACKS_TOLD]:
        yield "created", f"{grouped(count)} of {plural(row.open, 'instance')} here:"
        for frame in stack:
            yield "", f"  {frame}"
    if rest := sum(each.instances for each in stacks[_STACKS_TOLD:]):
        yield "", f"{grouped(rest)} at {plural(len(stacks) - _STACKS_TOLD, 'other place')}"
    unknown = row.open - sum(each.instances for each in stacks)
    if stacks and unknown:
        yield "", f"{grouped(unknown)} by calls whose stack is not known"
