"""What each thread is in now: a wait, and what it asked for, or the time away after one."""

from __future__ import annotations

from collections.abc import Iterator

from epolltop.model.loop_activity import Turn
from epolltop.model.process import NS_PER_TICK
from epolltop.model.snapshot import Snapshot

from .coverage import key_of
from .files import Thread, Wait, Waited
from .ids import Ids
from .loop_names import goes_on_as, told_as
from .oracle import Oracle


def compare(snapshot: Snapshot, oracle: Oracle, ids: Ids) -> Iterator[str]:
    """Differences."""
    last = {(each.by, each.tid): each for each in oracle.waited}
    numbers = {(each.by.process, each.tid): each.by for each in oracle.waited}
    rows = (row for process in snapshot.processes for row in process.loops)
    shown = [(told_as(row.key), row.turn) for row in rows if row.turn]
    turns = {(name.process, name.tid, name.start_ns): (name, turn) for name, turn in shown}
    for thread in (thread for process in oracle.processes for thread in process.threads):
        if not thread.wait and numbers.get((thread.process, thread.tid), thread) is not thread:
            continue  # it executed a program, and has not waited yet: the turn of who had the number may be shown
        waited = last.get((thread, thread.tid))
        wait = thread.wait or (waited.wait if waited else None)
        name, turn = turns.get((key_of(thread.process), thread.tid, thread.start * NS_PER_TICK), (None, None))
        gone = wait.file if wait and not thread.wait and wait.file and not oracle.holders(wait.file) else None
        if gone and (gone in ids.born or turn is None):  # that of another one shows only to a census by address
            if turn and gone.released:
                yield f"{thread} is away from {gone}, which is gone, told is {turn}"
        elif wait is None or turn is None:
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
