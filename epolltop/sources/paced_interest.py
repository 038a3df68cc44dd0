"""Interest lists that somebody keeps looking at, at a bounded cost for the programs that are looked at, and for us."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from epolltop.model.holding import Descriptor
from epolltop.model.watch import InterestList
from epolltop.own_process.pace import now_ns
from epolltop.sources.interest import InterestLists

LOOK_S = 1.0
"""Of one poll, for lists that are due."""
REST = 3
"""While there are more than fit into that, no list is read for so many times as long."""
SHARE = 0.01
"""Of time, for a list: one that took 20 ms is read again after two seconds."""


class PacedInterest:
    """Reads what was not read before, or long enough ago."""

    def __init__(self, lists: InterestLists) -> None:
        """Everything is due."""
        self._lists = lists
        self._due_ns: dict[int, int] = {}  # by file, of those that are not due yet
        self._rests_ns = 0  # until then

    def look(self, asked: Mapping[int, Sequence[Descriptor]]) -> Mapping[int, InterestList]:
        """By file, those that were read now. See `InterestLists.look`."""
        now = now_ns()
        self._due_ns = {file: at_ns for file, at_ns in self._due_ns.items() if at_ns > now}
        due = {file: holders for file, holders in asked.items() if file not in self._due_ns}
        if not due or now < self._rests_ns:
            return {}
        began = time.monotonic()
        found = self._lists.look(due, LOOK_S)
        took_s, now = time.monotonic() - began, now_ns()
        has_reached_all = took_s < LOOK_S
        self._due_ns |= dict.fromkeys(due if has_reached_all else found, now + int(took_s / SHARE * 1e9))
        if not has_reached_all:
            self._rests_ns = now + int(took_s * REST * 1e9)
        return found
