"""What processes with hot loops read and write, which tells whether the events lead to anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from epolltop.model.file_calls import FILE_CALLS_MAX, FileCalls
from epolltop.model.loop_activity import LoopKey, Turn
from epolltop.model.process import ProcessKey
from epolltop.own_process.pace import now_ns
from epolltop.proc.io import file_calls


def hot_calls(root: str, turns: Iterable[tuple[LoopKey, Turn]]) -> Mapping[ProcessKey, FileCalls]:
    """Of those of which a loop gets the same event first again and again, as many as there may be.

    Args:
        root: of the /proc tree.
        turns: of all loops.
    """
    hot = dict.fromkeys(key.process for key, turn in turns if turn.hot_run)
    found = {}
    for process in islice(hot, FILE_CALLS_MAX):
        at_ns, calls = now_ns(), file_calls(root, process.pid)
        if calls:
            found[process] = FileCalls(at_ns, *calls)
    return found
