"""Whoever keeps looking at a list has it read again only after a pause that its reading deserves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from epolltop.model.holding import Descriptor
from epolltop.model.process import ProcessKey
from epolltop.model.watch import InterestList
from epolltop.proc.procfs import Procfs
from epolltop.sources import paced_interest
from epolltop.sources.interest import InterestLists
from epolltop.sources.paced_interest import LOOK_S, REST, SHARE, SUSPECTS_SHARE, PacedInterest

SECOND_NS = 1_000_000_000
HOLDERS = [Descriptor(ProcessKey(42, 7), 3)]


class Slow(InterestLists):
    """Takes some time for each list, by a clock that stands still otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, takes_s: float) -> None:
        super().__init__(Procfs())
        self.now_s, self._takes_s = 1000.0, takes_s
        self.read: list[int] = []
        monkeypatch.setattr(paced_interest, "now_ns", lambda: int(self.now_s * SECOND_NS))
        monkeypatch.setattr("epolltop.sources.paced_interest.time.monotonic", lambda: self.now_s)
        monkeypatch.setattr("epolltop.sources.paced_interest.time.thread_time", lambda: self.now_s)

    def look(
        self, asked: Mapping[int, Sequence[Descriptor]], within_s: float, *, thoroughly: bool = True
    ) -> dict[int, InterestList]:
        ends_s, found = self.now_s + within_s, dict[int, InterestList]()
        for file in asked:
            if self.now_s < ends_s:
                self.now_s += self._takes_s
                found[file] = InterestList(())
        self.read += found
        return found


def test_a_list_is_read_for_its_share_of_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Slow(monkeypatch, takes_s=0.02)
    paced = PacedInterest(lists)
    assert paced.look({1: HOLDERS}) == {1: InterestList(())}
    for _ in range(10):
        assert paced.look({1: HOLDERS}) == {}
    lists.now_s += 0.02 / SHARE
    assert paced.look({1: HOLDERS}) == {1: InterestList(())}
    assert lists.read == [1, 1]


def test_a_suspect_is_read_sooner_than_others(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Slow(monkeypatch, takes_s=0.01)
    paced, asked = PacedInterest(lists), {1: HOLDERS, 2: HOLDERS}
    paced.look(asked, {2})
    lists.now_s += 0.02 / SUSPECTS_SHARE
    assert paced.look(asked, {2}).keys() == {2}


def test_another_list_is_read_at_once_and_the_first_one_not_sooner_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Slow(monkeypatch, takes_s=0.02)
    paced = PacedInterest(lists)
    for file in (1, 2, 1, 2):
        paced.look({file: HOLDERS})
    assert lists.read == [1, 2]


def test_what_was_not_reached_is_read_next_after_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Slow(monkeypatch, takes_s=LOOK_S / 4)
    asked = dict.fromkeys(range(6), HOLDERS)
    paced = PacedInterest(lists)
    assert list(paced.look(asked)) == [0, 1, 2, 3]
    assert paced.look(asked) == {}
    lists.now_s += LOOK_S * REST
    assert list(paced.look(asked)) == [4, 5]
    assert paced.look({7: HOLDERS}).keys() == {7}, "there was time for all"


def test_what_nobody_looks_at_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Slow(monkeypatch, takes_s=0.001)
    paced = PacedInterest(lists)
    for file in range(5000):
        paced.look({file: HOLDERS})
    assert len(paced._due_ns) < 200


def test_a_list_is_read_once_in_its_turn_and_not_if_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lists = Slow(monkeypatch, takes_s=0.01)
    paced = PacedInterest(lists)
    turn = {1: HOLDERS}
    for seconds in (0, 1, 1, 1, 2):
        lists.now_s += seconds
        paced.look({}, in_turn=turn)
    assert lists.read == [1, 1]
    lists.now_s += 5
    paced.look(turn, in_turn=turn)
    assert lists.read == [1, 1, 1]
