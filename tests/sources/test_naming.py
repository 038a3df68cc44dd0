"""Which creation belongs to which file of a walk: where places contradict each other, none rather than a wrong one."""

from __future__ import annotations

from collections.abc import Mapping

from epolltop.model.event import Event, Kind
from epolltop.model.holding import Holding
from epolltop.model.process import ProcessKey
from epolltop.sources.bpf.address_matching import Naming
from tests.support.records import event_of

A, B = 0xFFFF888000000A00, 0xFFFF888000000B00
START = 7000


def _event(kind: Kind, file: int, time_ns: int, created_ns: int, fd: int | None) -> Event:
    return event_of(kind, time_ns, ProcessKey(70, START), file=file, created_ns=created_ns, fd=fd)


def _create(file: int, fd: int, time_ns: int) -> Event:
    return _event(Kind.CREATE, file, time_ns, time_ns, fd)


def _release(file: int, time_ns: int, created_ns: int) -> Event:
    return _event(Kind.RELEASE, file, time_ns, created_ns, None)


def _walk(naming: Naming, places: Mapping[int, int], *later: Event) -> dict[int, int]:
    """File by descriptor, from number by descriptor."""
    scanned = [Holding(number, 0, START, 70, fd, 0, 0) for fd, number in places.items()]
    return {holding.fd: holding.file for holding in naming.named(scanned, later)}


def _knows(*events: Event) -> Naming:
    naming = Naming()
    naming.learn([_create(9, 99, 1), _release(9, 2, 1), *events])  # releases are told here
    return naming


def test_a_descriptor_of_another_instance_at_a_place_of_birth_is_not_taken_for_the_one_that_left() -> None:
    naming = _knows(_create(A, 3, 10))
    assert _walk(naming, {3: 1}) == {3: A}
    naming.learn([_create(B, 4, 20)])  # sent away, and then A is copied to its place
    assert set(_walk(naming, {3: 1, 4: 1}).values()) == {1}, "unknown, but not B"
    naming = _knows(_create(A, 3, 10), _create(B, 4, 20), _release(B, 30, 20))
    assert _walk(naming, {3: 1, 4: 1}) == {3: A, 4: A}


def test_what_is_certain_settles_what_is_not() -> None:
    naming = _knows(_create(A, 3, 10), _create(B, 4, 20))
    assert _walk(naming, {3: 1, 4: 2}) == {3: A, 4: B}
    assert _walk(naming, {3: 1, 4: 1, 5: 2}) == {3: 1, 4: 1, 5: 2}, "either of them may be either"
    naming = _knows(_create(A, 3, 10), _create(B, 4, 20))
    assert _walk(naming, {3: 1, 4: 2, 6: 2}) == {3: A, 4: B, 6: B}
    assert _walk(naming, {3: 1, 4: 1, 6: 2}) == {3: A, 4: A, 6: B}


def test_a_thread_with_the_same_numbers_in_a_table_of_its_own_confuses_nobody() -> None:
    naming = _knows(_create(A, 3, 10), _create(B, 3, 20))
    assert _walk(naming, {3: 1}) == {3: 1}, "unknown, but not B"


def test_a_number_whose_instance_was_released_is_another_even_if_the_walk_saw_no_change() -> None:
    naming = _knows(_create(A, 3, 10))
    scanned = [Holding(1, 0, START, 70, 3, 0, 0)]
    assert [holding.file for holding in naming.named(scanned)] == [A]
    assert naming.named(scanned) is naming.named(scanned)
    naming.learn([_release(A, 20, 10)])
    assert [holding.file for holding in naming.named(scanned)] == [1]


def test_a_descriptor_used_again_is_the_newest_where_releases_are_not_told() -> None:
    naming = Naming()
    naming.learn([_create(A, 3, 10)])
    assert _walk(naming, {3: 1}) == {3: A}
    naming.learn([_create(B, 3, 20)])
    assert _walk(naming, {3: 1}) == {3: B}


def test_an_address_used_again_tells_that_the_former_instance_is_gone() -> None:
    naming = Naming()
    naming.learn([_create(A, 3, 10)])
    assert _walk(naming, {3: 1}) == {3: A}
    naming.learn([_create(A, 5, 20)])
    assert _walk(naming, {3: 1, 5: 2}) == {3: 1, 5: A}


def test_what_is_created_during_the_walk_has_its_name_at_once() -> None:
    naming = _knows()
    assert _walk(naming, {3: 1}, _create(A, 3, 10)) == {3: A}
    naming.learn([_create(A, 3, 10)])
    assert _walk(naming, {3: 1}) == {3: A}


def test_a_creation_at_a_place_where_something_was_found_shows_that_it_left() -> None:
    naming = _knows()
    assert _walk(naming, {3: 1}) == {3: 1}, "it was there before"
    naming.learn([_release(B, 20, 0), _create(A, 3, 21)])
    assert _walk(naming, {3: 1}) == {3: A}, "whether the walk noticed or not"
    elsewhere = _knows()
    assert _walk(elsewhere, {3: 1}) == {3: 1}
    elsewhere.learn([_create(A, 3, 21)._replace(tid=71)])  # a thread, perhaps with a table of its own
    assert _walk(elsewhere, {3: 1}) == {3: 1}


def test_a_release_whose_creation_found_no_room_ends_what_was_created_before() -> None:
    naming = _knows(_create(A, 3, 10))
    assert _walk(naming, {3: 1}) == {3: A}
    naming.learn([_release(A, 20, 0), _create(B, 3, 21)])
    assert _walk(naming, {3: 1}) == {3: B}


def test_a_creation_told_late_does_not_take_the_place_of_what_came_there_after_it() -> None:
    naming = _knows(_create(B, 3, 20))
    assert _walk(naming, {3: 1, 4: 2}) == {3: B, 4: 2}
    naming.learn([_create(A, 3, 10)])  # before B, and copied to 4
    assert _walk(naming, {3: 1, 4: 2}) == {3: B, 4: 2}


def test_a_creation_told_late_explains_what_was_found_there() -> None:
    naming = _knows()
    assert _walk(naming, {3: 1}) == {3: 1}
    naming.learn([_create(A, 3, 10)])
    assert _walk(naming, {3: 1}) == {3: A}


def test_the_former_instance_at_an_address_told_late_leaves_its_successor_the_name() -> None:
    naming = _knows(_create(A, 3, 20))
    assert _walk(naming, {3: 1}) == {3: A}
    naming.learn([_create(A, 4, 10), _release(A, 15, 10)])
    assert _walk(naming, {3: 1}) == {3: A}
