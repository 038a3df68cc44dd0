"""A process as a person tells it: labelled lines about its descriptors, its waits, and where instances were made."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.query.creation_stacks import creation_stacks
from epolltop.query.finding_story import found_lines
from epolltop.query.story import StoryLine
from epolltop.query.waits_elsewhere import where
from epolltop.text.numbers import UNKNOWN, grouped, plural

_WORDS = {"epoll": "epoll descriptor", "inotify": "inotify descriptor", "io_uring": "io_uring ring", "other": "other"}
"""For kinds that are no word for a file of theirs."""

_STACKS_TOLD = 3


def process_story(row: ProcessRow, snapshot: Snapshot) -> list[StoryLine]:
    """What is wrong with it, its descriptors by kind, where else it waits, and where its instances were made."""
    return list(_lines(row, snapshot))


def _lines(row: ProcessRow, snapshot: Snapshot) -> Iterator[StoryLine]:
    yield None, f"process {row.name} ({row.pid})"
    yield from found_lines(snapshot.findings.by_process.get(row.key, ()))
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
        return f"{told}; their kinds are not known"
    kinds = (plural(number, _WORDS.get(kind, kind)) for kind, number in counted._asdict().items() if number)
    return f"{told}: {', '.join(kinds)}" if counted.total else told


def _waits(row: ProcessRow) -> str:
    waits = row.thread_waits
    if waits is None:
        return f"{UNKNOWN}: epolltop has not looked at its threads"
    there = where(waits)
    return f"{there}; not in epoll" if there else "no thread of it waits in epoll, poll, select or io_uring now"


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
