from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, overload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.ui.table.selection import Rows, find, places


class Counted(Sequence[int]):
    """Numbers that are their own keys, and how often one of them was looked at."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers, self.looks = numbers, 0

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return self.numbers[index]

    def __len__(self) -> int:
        return len(self.numbers)


def itself(number: int) -> int:
    return number


def shown(*numbers: int) -> Rows[int]:
    rows = Rows(itself)
    rows.show(numbers)
    return rows


@given(st.lists(st.integers(0, 400), unique=True, max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_a_key_is_found_from_everywhere(keys: list[int], key: int, near: int) -> None:
    assert find(keys, itself, key, near) == (keys.index(key) if key in keys else None)


@given(st.permutations(range(40)), st.dictionaries(st.integers(0, 60), st.integers(0, 60)))
def test_all_keys_are_found(keys: list[int], known: dict[Hashable, int]) -> None:
    assert places(keys, itself, known) == {key: keys.index(key) for key in keys if key in known}


def test_a_row_that_moved_little_is_found_without_a_look_at_most_rows() -> None:
    rows = Counted(range(100_000))
    assert find(rows, itself, 50_010, 50_000) == 50_010
    assert find(rows, itself, 49_900, 50_000) == 49_900
    assert rows.looks < 1000


def test_rows_that_stay_cost_nothing() -> None:
    numbers = range(100_000)
    rows = Rows(itself)
    rows.show(numbers)
    rows.go(50_000)
    rows.toggle_mark()
    again = Counted(numbers)
    rows.show(again)
    assert rows.current == 50_000
    assert again.looks < 10
    rows.go_to_top()
    rows.show(another := Counted(numbers[::-1]))
    assert rows.current == 99_999
    assert rows.marked() == [50_000]
    assert another.looks > 50_000  # for the mark, which is elsewhere


def test_a_pinned_cursor_goes_with_its_row_and_else_stays_on_its_line() -> None:
    rows = shown(1, 2, 3, 4)
    rows.go(2)
    assert rows.show([4, 3, 2, 1])
    assert (rows.at, rows.key) == (1, 3)
    assert rows.show([4, 2, 1])
    assert (rows.at, rows.key) == (1, 2)
    assert rows.show([2])
    assert rows.show([5])
    assert (rows.at, rows.key) == (0, 5)


def test_at_the_top_by_choice_the_cursor_is_on_whichever_row_is_first() -> None:
    rows = shown(1, 2, 3)
    rows.go(2)
    rows.go_to_top()
    rows.show([3, 2, 1])
    assert (rows.at, rows.key) == (0, 3)


def test_a_followed_row_is_missed_once() -> None:
    rows = shown(1, 2, 3)
    rows.follow = True
    assert rows.show([3, 2, 1])
    assert (rows.at, rows.key) == (2, 1)
    assert not rows.show([3, 2])
    assert not rows.follow
    assert (rows.at, rows.key) == (1, 2)
    assert rows.show([2, 3])
    assert (rows.at, rows.key) == (0, 2)


def test_a_followed_row_is_missed_when_there_are_no_rows() -> None:
    rows = shown(1, 2, 3)
    rows.follow = True
    assert not rows.show([])
    assert rows.current is None


def test_without_rows_there_is_none_to_follow_or_to_mark() -> None:
    rows = shown()
    rows.follow = True
    rows.toggle_mark()
    assert rows.show([])
    assert rows.show([1])
    assert rows.follow
    assert rows.marked() == []


def test_choosing_the_top_ends_following() -> None:
    rows = shown(1, 2, 3)
    rows.follow = True
    rows.go_to_top()
    assert not rows.follow
    rows.show([3, 2, 1])
    assert rows.key == 3


@pytest.mark.parametrize("at", [-5, 0, 1, 2, 7])
def test_the_cursor_stays_within_the_rows(at: int) -> None:
    rows = shown(1, 2, 3)
    rows.go(at)
    assert rows.at == max(0, min(at, 2))
    shown().go(at)


def test_marks_go_with_their_rows_and_away_with_them() -> None:
    rows = shown(1, 2, 3, 4)
    for at in (0, 3, 1):
        rows.go(at)
        rows.toggle_mark()
    assert rows.marked() == [1, 2, 4]
    rows.show([4, 3, 1, 2])
    assert rows.marked() == [4, 1, 2]
    assert [rows.is_marked(at) for at in range(4)] == [True, False, True, True]
    rows.toggle_mark()
    assert rows.marked() == [4, 1]
    rows.show([1, 2])
    rows.show([4, 2, 1])
    assert rows.marked() == [1]
