"""The journal: a sequence like a tuple, whatever came in which portions, that shares its blocks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.model.event import Event, Kind
from epolltop.model.journal import BLOCK, Journal
from epolltop.model.world import JOURNAL
from tests.support.records import A, C, Q, batch, census, create, event, failed, holding, release
from tests.support.watched import Watched

PORTIONS = st.lists(st.integers(0, 3 * BLOCK), max_size=8)
KEEPS = st.integers(0, 4 * BLOCK)


def _portions(sizes: list[int]) -> list[list[Event]]:
    number = itertools.count(1)
    return [[failed(next(number)) for _ in range(size)] for size in sizes]


@given(PORTIONS, KEEPS, st.data())
def test_it_is_the_sequence_of_the_last_events(sizes: list[int], keep: int, data: st.DataObject) -> None:
    portions = _portions(sizes)
    journal = Journal(keep)
    told: list[tuple[Journal, tuple[Event, ...]]] = []
    everything: tuple[Event, ...] = ()
    for portion in portions:
        journal = journal.followed_by(portion)
        everything += tuple(portion)
        told.append((journal, everything[-keep:] if keep else ()))
    for shown, expected in told:  # the older ones too: nothing that came later changes them
        assert len(shown) == len(expected)
        assert tuple(shown) == expected
        assert tuple(reversed(shown)) == expected[::-1]
        assert shown == expected
        assert expected == shown
        at = data.draw(st.slices(len(expected)))
        assert shown[at] == expected[at]
        if expected:
            number = data.draw(st.integers(-len(expected), len(expected) - 1))
            assert shown[number] == expected[number]


def test_events_are_what_they_were_and_equal_stacks_one_object() -> None:
    stack = ("main", "start")
    events = [event(time_ns=number, name="日", stack=stack) for number in range(BLOCK)]
    events[7] = failed(7)
    journal = Journal(BLOCK).followed_by(events)
    assert not journal._tail
    assert [tuple(map(type, told)) for told in journal] == [tuple(map(type, each)) for each in events]
    assert list(journal) == events
    assert {id(told.stack) for told in journal if told.stack} == {id(stack)}


@pytest.mark.parametrize("number", [3, -4])
def test_an_index_outside_is_an_error(number: int) -> None:
    with pytest.raises(IndexError):
        Journal(9).followed_by(_portions([3])[0])[number]


def test_it_differs_from_other_events_and_from_what_is_no_sequence() -> None:
    (events,) = _portions([3])
    journal = Journal(9).followed_by(events)
    assert journal != events[:2]
    assert journal != [events[0], events[1], failed(99)]
    assert journal != 3
    assert journal == Journal(3).followed_by(events)


def test_without_news_it_is_the_same_and_else_it_shares_blocks() -> None:
    first, then = _portions([10 * BLOCK + 7, 5])
    journal = Journal(100 * BLOCK).followed_by(first)
    assert journal.followed_by([]) is journal
    longer = journal.followed_by(then)
    assert all(one is other for one, other in zip(journal._blocks, longer._blocks, strict=True))


def test_the_journal_has_everything_once_in_order_and_keeps_the_last() -> None:
    world = Watched(tell_all=True)
    world.apply(batch(1, [], census(1, holding(C))))
    world.apply(batch(30, [create(A, 10), failed(11, Q), release(A, 20, 10), release(C, 21)], census(25)))
    snapshot = world.look()
    assert [event.kind for event in snapshot.journal] == [
        Kind.CREATE,
        Kind.CREATE_FAILED,
        Kind.RELEASE,
        Kind.RELEASE,
    ]
    assert [event.instance for event in snapshot.journal] == ["a00@10", None, "a00@10", "c00@1"]
    assert snapshot.journal[2].lifetime_ns == 10
    assert snapshot.news == snapshot.journal
    assert world.look().news == ()
    world.apply(batch(40, [failed(31 + number) for number in range(JOURNAL)]))
    snapshot = world.look()
    assert (len(snapshot.journal), snapshot.journal_end, len(snapshot.news)) == (JOURNAL, JOURNAL + 4, JOURNAL)
