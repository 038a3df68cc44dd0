"""When memory is given back: once, when a flood is over and nobody holds what was made of it."""

from __future__ import annotations

from epolltop.bcc.memory import FLOOD, QUIET_POLLS, Tide


def test_nothing_is_given_back_without_a_flood() -> None:
    given: list[int] = []
    tide = Tide(lambda: given.append(1))
    for _ in range(100):
        tide.note(FLOOD - 1, FLOOD)
    assert given == []


def test_it_is_given_back_once_after_each_flood_has_gone() -> None:
    given: list[int] = []
    tide = Tide(lambda: given.append(len(given)))
    for flood in range(3):
        for _ in range(4):
            tide.note(FLOOD, 0)
        for _ in range(QUIET_POLLS - 1):
            tide.note(0, 0)
        assert len(given) == flood, "somebody may hold it still"
        for _ in range(20):
            tide.note(0, 0)
        assert len(given) == flood + 1


def test_it_is_given_back_once_after_descriptors_went_all_at_once_or_by_and_by() -> None:
    given: list[int] = []
    tide = Tide(lambda: given.append(len(given)))
    for ebb in ([0], [FLOOD, FLOOD // 2, 0]):
        before = len(given)
        for _ in range(20):
            tide.note(0, FLOOD + 1)
        assert len(given) == before, "they are there still"
        for held in ebb:
            tide.note(0, held)
        for _ in range(QUIET_POLLS - 1):
            tide.note(0, 0)
        assert len(given) == before, "somebody may hold it still"
        for _ in range(20):
            tide.note(0, 0)
        assert len(given) == before + 1


def test_nothing_is_given_back_for_few_descriptors_that_come_and_go() -> None:
    given: list[int] = []
    tide = Tide(lambda: given.append(1))
    for _ in range(20):
        for held in (FLOOD - 1, 0):
            tide.note(0, held)
    assert given == []
