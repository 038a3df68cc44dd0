"""When memory is given back: once, when a flood of events is over and nobody holds what was made of it."""

from __future__ import annotations

from epolltop.sources.bpf.memory import FLOOD, QUIET_POLLS, Tide


def test_nothing_is_given_back_without_a_flood() -> None:
    given: list[int] = []
    tide = Tide(lambda: given.append(1))
    for _ in range(100):
        tide.note(FLOOD - 1)
    assert given == []


def test_it_is_given_back_once_after_each_flood_has_gone() -> None:
    given: list[int] = []
    tide = Tide(lambda: given.append(len(given)))
    for flood in range(3):
        for _ in range(4):
            tide.note(FLOOD)
        for _ in range(QUIET_POLLS - 1):
            tide.note(0)
        assert len(given) == flood, "somebody may hold it still"
        for _ in range(20):
            tide.note(0)
        assert len(given) == flood + 1
