from __future__ import annotations

import random
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import UnknownField
from epolltop.query.filter import parse, parse_over
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import EVENTS, INSTANCES, PROCESSES, View, instances, look
from tests.support.records import event
from tests.support.rows import instance, process_row, snapshot


def pids(view: View[ProcessRow], *rows: int | None) -> list[int]:
    """Pids of processes with so many descriptors (None: unknown) and pids from 1, in the order of the view."""
    held = [process_row(pid, fds=fds) for pid, fds in enumerate(rows, start=1)]
    return [row.pid for row in look(snapshot(*held), view)]


def test_most_open_instances_come_first_by_default() -> None:
    rows = [process_row(1, open=1), process_row(2, open=3), process_row(3, open=2)]
    assert [row.pid for row in look(snapshot(*rows), View(PROCESSES))] == [2, 3, 1]


def test_numbers_descend_and_names_ascend() -> None:
    rows = [
        process_row(1, name="b", created=1),
        process_row(2, name="a", created=2),
        process_row(3, name="c", created=3),
    ]
    order = {
        sort: [row.pid for row in look(snapshot(*rows), View(PROCESSES, sort=sort))]
        for sort in ("created", "name", "pid")
    }
    assert order == {"created": [3, 2, 1], "name": [2, 1, 3], "pid": [1, 2, 3]}


def test_reverse_turns_the_direction() -> None:
    assert pids(View(PROCESSES, sort="fds"), 10, 30, 20) == [2, 3, 1]
    assert pids(View(PROCESSES, sort="fds", reverse=True), 10, 30, 20) == [1, 3, 2]


def test_unknown_comes_last_in_both_directions() -> None:
    assert pids(View(PROCESSES, sort="fds"), None, 10, None, 20) == [4, 2, 1, 3]
    assert pids(View(PROCESSES, sort="fds", reverse=True), None, 10, None, 20) == [2, 4, 1, 3]


def test_before_the_first_window_rates_sort_as_unknown() -> None:
    rows = [process_row(2, create_per_s=9.0), process_row(1, create_per_s=1.0)]
    assert [row.pid for row in look(snapshot(*rows, window_s=0), View(PROCESSES, sort="new/s"))] == [1, 2]


@pytest.mark.parametrize("reverse", [False, True])
def test_equal_rows_never_swap(reverse: bool) -> None:
    rows = [process_row(pid, start=start, name="same") for pid in range(20) for start in (5, 9)]
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        ordered = look(snapshot(*rows), View(PROCESSES, sort="name", reverse=reverse))
        assert [row.key for row in ordered] == [ProcessKey(pid, start) for pid in range(20) for start in (5, 9)]


def test_rows_are_cut_after_sorting_and_filtering() -> None:
    assert pids(View(PROCESSES, parse("fds<30"), sort="fds", rows=2), 10, 30, 20, 25) == [4, 3]
    assert pids(View(PROCESSES, rows=0), 1, 2) == []
    assert pids(View(PROCESSES, rows=9), 1, 2) == [1, 2]


def test_sort_takes_titles_and_aliases() -> None:
    assert pids(View(PROCESSES, sort="LIMIT"), 1) == pids(View(PROCESSES, sort="comm"), 1) == [1]
    with pytest.raises(UnknownField):
        pids(View(PROCESSES, sort="nonsense"), 1)


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=12),
    st.sampled_from([field.id for field in PROCESS_FIELDS]),
    st.booleans(),
)
def test_every_field_sorts_and_loses_no_row(fds: list[int | None], sort: str, reverse: bool) -> None:
    assert sorted(pids(View(PROCESSES, sort=sort, reverse=reverse), *fds)) == list(range(1, len(fds) + 1))


def test_instances_come_by_their_lowest_descriptor() -> None:
    held = tuple(instance(file, holders=((42, fds),)) for file, fds in enumerate([(12,), (9, 30), (10, 11)], start=1))
    assert [each.fds for each in instances(process_row(42, instances=held))] == [(9, 30), (10, 11), (12,)]


def test_an_instance_without_a_descriptor_of_this_process_comes_last() -> None:
    held = (instance(1, holders=()), instance(2))
    assert [each.fds for each in instances(process_row(42, instances=held))] == [(8,), ()]


def test_events_keep_their_order() -> None:
    journal = (event(pid=1), event(pid=2), event(pid=1, tid=9))
    world = snapshot(journal=journal)
    assert tuple(look(world, View(EVENTS))) == journal[::-1]
    assert tuple(look(world, View(EVENTS, reverse=True))) == journal
    assert [each.tid for each in look(world, View(EVENTS, parse_over(EVENT_FIELDS, "pid:1")))] == [9, 43]
    assert [each.pid for each in look(world, View(EVENTS, sort="pid"))] == [1, 1, 2]


def test_instances_of_all_holders_the_oldest_first_and_those_in_flight() -> None:
    shared, young = instance(1, holders=((42, (8,)), (77, (5,))), age_s=9), instance(2, age_s=1)
    sent = instance(3, holders=(), age_s=5)
    world = snapshot(process_row(77, instances=(shared,)), process_row(42, instances=(shared, young)))
    rows = look(replace(world, unheld=(sent,)), View(INSTANCES))
    assert [(row.instance.file, row.process and row.process.pid, row.fds) for row in rows] == [
        (1, 42, (8,)),
        (1, 77, (5,)),
        (3, None, ()),
        (2, 42, (8,)),
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_many_rows_are_sorted_as_few_are(reverse: bool) -> None:
    files = random.Random(1).sample(range(1, 20_001), 20_000)
    held = tuple(instance(file, age_s=file % 100) for file in files)
    rows = look(snapshot(process_row(42, instances=held)), View(INSTANCES, reverse=reverse))
    expected = sorted(files, key=lambda file: file % 100, reverse=not reverse)
    assert [row.instance.file for row in rows] == expected


def test_rows_of_a_process_that_did_not_change_are_the_same() -> None:
    quiet, before, after = (process_row(pid, instances=(instance(pid),)) for pid in (1, 2, 2))
    rows = INSTANCES.rows(snapshot(quiet, before))
    again = INSTANCES.rows(snapshot(quiet, after))
    assert again[0] is rows[0]
    assert again[1].process is after


def test_rows_of_processes_are_kept_as_long_as_somebody_has_them() -> None:
    row = replace(process_row(), instances=(instance(),))
    shown = snapshot(row)
    before = sys.getrefcount(row)
    rows = INSTANCES.rows(shown)
    again = INSTANCES.rows(shown)
    assert again[0] is rows[0]
    del rows, again
    assert sys.getrefcount(row) == before
