"""Interest lists that somebody keeps looking at, at a bounded cost for the programs that are looked at, and for us."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType

from epolltop.model.holding import Descriptor
from epolltop.model.watch import InterestList
from epolltop.own_process.pace import now_ns
from epolltop.sources.interest import InterestLists

LOOK_S = 1.0
"""Of one poll, for lists that are due."""
REST = 3
"""While there are more than fit into that, no list is read for so many times as long."""
SHARE = 0.01
"""Of a core, for a list: one that took 20 ms of CPU time is read again after two seconds. On a busy machine it takes
longer, because others run meanwhile, and costs no more."""
SUSPECTS_SHARE = 0.03
"""The same for a list that tells whether a program that takes a core gets on: it takes two to see that."""
TURNS_SHARE = 0.0025
"""Of a core, for all lists that are read in turn."""
TURNS_APART_NS = 4_000_000_000
"""Between two turns of a list: it stays asked for until it was read, and longer."""

_NOTHING: Mapping[int, Sequence[Descriptor]] = MappingProxyType({})


class PacedInterest:
    """Reads what was not read before, or long enough ago."""

    def __init__(self, lists: InterestLists) -> None:
        """Everything is due."""
        self._lists = lists
        self._due_ns: dict[int, int] = {}  # by file, of those that are not due yet
        self._rests_ns = self._turns_rest_ns = 0  # until then
        self._turn_ns: dict[int, int] = {}  # by file, when its next turn is

    def look(
        self,
        asked: Mapping[int, Sequence[Descriptor]],
        suspects: Container[int] = (),
        in_turn: Mapping[int, Sequence[Descriptor]] = _NOTHING,
    ) -> Mapping[int, InterestList]:
        """By file, those that were read now.

        Args:
            asked: see `InterestLists.look`.
            suspects: are read sooner again than others.
            in_turn: as in Wanted.
        """
        now = now_ns()
        self._due_ns = {file: at_ns for file, at_ns in self._due_ns.items() if at_ns > now}
        found = self._look(self._due(asked), suspects, now)
        self._turn_ns = {file: at_ns for file, at_ns in self._turn_ns.items() if at_ns > now}
        others = {
            file: holders
            for file, holders in self._due(in_turn).items()
            if file not in asked and file not in self._turn_ns
        }
        return {**self._look_in_turn(others, now), **found}

    def _due(self, asked: Mapping[int, Sequence[Descriptor]]) -> dict[int, Sequence[Descriptor]]:
        return {file: holders for file, holders in asked.items() if file not in self._due_ns}

    def _look(
        self, due: Mapping[int, Sequence[Descriptor]], suspects: Container[int], now: int
    ) -> Mapping[int, InterestList]:
        if not due or now < self._rests_ns:
            return {}
        began = time.monotonic()
        found, cost_s = self._read(due)
        took_s, now = time.monotonic() - began, now_ns()
        has_reached_all = took_s < LOOK_S
        self._due_ns |= {
            file: now + int(cost_s / (SUSPECTS_SHARE if file in suspects else SHARE) * 1e9)
            for file in (due if has_reached_all else found)
        }
        if not has_reached_all:
            self._rests_ns = now + int(took_s * REST * 1e9)
        return found

    def _look_in_turn(self, due: Mapping[int, Sequence[Descriptor]], now: int) -> Mapping[int, InterestList]:
        if not due or now < self._turns_rest_ns:
            return {}
        found, cost_s = self._read(due, thoroughly=False)
        self._turn_ns |= dict.fromkeys(due, now + TURNS_APART_NS)
        self._turns_rest_ns = now + int(cost_s / TURNS_SHARE * 1e9)
        return found

    def _read(
        self, due: Mapping[int, Sequence[Descriptor]], *, thoroughly: bool = True
    ) -> tuple[Mapping[int, InterestList], float]:
        """Those for which there was time, and the seconds of CPU time that they took."""
        began_s = time.thread_time() - self._lists.loading_s
        found = self._lists.look(due, LOOK_S, thoroughly=thoroughly)
        return found, time.thread_time() - self._lists.loading_s - began_s
