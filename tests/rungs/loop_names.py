"""By what a loop of the oracle is known again among those that are told."""

from __future__ import annotations

from typing import NamedTuple

from epolltop.model.instance_key import instance_id
from epolltop.model.loop_activity import LoopKey
from epolltop.model.process import NS_PER_TICK, ProcessKey

from .coverage import key_of
from .files import Thread, Wait, Waited
from .ids import Ids


class LoopName(NamedTuple):
    """A thread, and what it waits on."""

    process: ProcessKey
    tid: int
    start_ns: int
    instance: str | None
    """The id by which it was traced; empty: no instance; None: one whose creation the rung did not see."""


def happened_as(waited: Waited, ids: Ids) -> LoopName:
    """Of a wait that returned."""
    return LoopName(key_of(waited.by.process), waited.tid, waited.start * NS_PER_TICK, _instance(waited.wait, ids))


def goes_on_as(thread: Thread, wait: Wait, ids: Ids) -> LoopName:
    """Of the last wait of a thread."""
    return LoopName(key_of(thread.process), thread.tid, thread.start * NS_PER_TICK, _instance(wait, ids))


def told_as(key: LoopKey) -> LoopName:
    """Of what is told."""
    name = instance_id(key.traced_key) if key.created_ns else None
    return LoopName(key.process, key.tid, key.thread_start_ns, name if key.file else "")


def _instance(wait: Wait, ids: Ids) -> str | None:
    return ids.born.get(wait.file) if wait.file else ""
