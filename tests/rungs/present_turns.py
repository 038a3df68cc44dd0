"""What each thread is in now: a wait, and what it asked for, or the time away after one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from epolltop.model.loop_activity import Turn
from epolltop.model.loop_row import LoopRow
from epolltop.model.process import NS_PER_TICK

from .coverage import key_of
from .files import Process, Thread, Wait, Waited
from .ids import Ids
from .loop_names import LoopName, goes_on_as
from .oracle import Oracle

_Identity = tuple[Process, int, int]


def compare(told: Mapping[LoopName, Sequence[LoopRow]], oracle: Oracle, ids: Ids) -> Iterator[str]:
    """Differences."""
    last: dict[_Identity, Waited] = {(each.by, each.tid, each.start): each for each in oracle.waited}
    shown = [(name, row.turn) for name, rows in told.items() for row in rows if row.turn]
    turns = {(name.process, name.tid, name.start_ns): (name, turn) for name, turn in shown}
    for thread in (thread for process in oracle.processes for thread in process.threads):
        waited = last.get((thread.process, thread.tid, thread.start))
        wait = thread.wait or (waited.wait if waited else None)
        name, turn = turns.get((key_of(thread.process), thread.tid, thread.start * NS_PER_TICK), (None, None))
        if wait is None or turn is None:
            if wait or turn:
                yield f"{thread} is in the turn {wait}, told is {turn}"
        elif name != goes_on_as(thread, wait, ids):
            yield f"{thread} is in a turn of {goes_on_as(thread, wait, ids)}, told is {name}"
        else:
            yield from _one(thread, wait, None if thread.wait else waited, turn)


def _one(thread: Thread, wait: Wait, waited: Waited | None, turn: Turn) -> Iterator[str]:
    asked = wait.asked
    if (asked.call.upper(), asked.maxevents, asked.timeout_ns) != (turn.call.name, turn.maxevents, turn.timeout_ns):
        yield f"{thread} asked for {asked}, told is {turn}"
    if not wait.entered[0] <= turn.entered_ns <= wait.entered[1]:
        yield f"{thread} entered its wait within {wait.entered}, told is {turn}"
    earliest, latest = waited.returned if waited else (0, 0)
    if not earliest <= turn.returned_ns <= latest:
        yield f"{thread} returned from its wait within {(earliest, latest)}, told is {turn}"
