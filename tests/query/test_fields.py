"""What holds of every field: names, help, order, and the room of its column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import FLEXIBLE_MIN, GAP, Field, UnknownField, fitting, lookup
from epolltop.query.instance_fields import HELD_FIELDS, INSTANCE_FIELDS, InstanceOf
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.member import Member
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.process_members import INSTANCE, PROCESS
from epolltop.query.watch_fields import WATCH_FIELDS
from tests.support.rows import instance, process_row, snapshot

REGISTRIES: dict[str, Sequence[Field[Any]]] = {
    "process": PROCESS_FIELDS,
    "instance": INSTANCE_FIELDS,
    "event": EVENT_FIELDS,
    "loop": LOOP_FIELDS,
    "watch": WATCH_FIELDS,
}


@pytest.mark.parametrize("fields", REGISTRIES.values(), ids=REGISTRIES)
class TestEveryRegistry:
    def test_ids_are_snake_case_and_unique(self, fields: Sequence[Field[Any]]) -> None:
        assert all(re.fullmatch("[a-z][a-z0-9_]*", field.id) for field in fields)
        assert len({field.id for field in fields}) == len(fields)

    def test_no_name_leads_to_two_fields(self, fields: Sequence[Field[Any]]) -> None:
        owners = [(name, field.id) for field in fields for name in set(field.names)]
        assert len(owners) == len(dict(owners))

    def test_every_name_finds_its_field_in_any_case(self, fields: Sequence[Field[Any]]) -> None:
        for field in fields:
            assert all(lookup(fields, name.upper()) is field for name in field.names)

    def test_names_can_be_written_in_a_filter(self, fields: Sequence[Field[Any]]) -> None:
        assert not [name for field in fields for name in field.names if re.search(r'[\s()!:=<>~"]', name)]

    def test_help_is_one_sentence(self, fields: Sequence[Field[Any]]) -> None:
        assert all(field.help[-1] == "." and ". " not in field.help for field in fields)

    def test_only_the_last_takes_the_rest_of_the_line(self, fields: Sequence[Field[Any]]) -> None:
        assert [field.width > 0 for field in fields] == [True] * (len(fields) - 1) + [False]

    def test_titles_fit_their_column(self, fields: Sequence[Field[Any]]) -> None:
        assert not [field.id for field in fields if field.width and len(field.title) > field.width]


def test_numbers_are_right_aligned_and_sort_the_most_first() -> None:
    directions = {field.id: (field.right, field.descending) for field in PROCESS_FIELDS}
    assert directions["open"] == directions["create_per_s"] == directions["age_s"] == (True, True)
    assert directions["pid"] == (True, False)
    assert directions["command"] == (False, False)


def test_an_unknown_name_suggests_what_was_meant() -> None:
    with pytest.raises(UnknownField, match=r"'opne', did you mean open\?") as caught:
        lookup(PROCESS_FIELDS, "opne")
    assert caught.value.suggestions == ("open",)


@pytest.mark.parametrize(
    ("fields", "room", "titles"),
    [
        (PROCESS_FIELDS, 78, "PID USER OPEN NEW/S NET/MIN FDS LIMIT FULL FINDING/COMMAND"),  # of a screen of 80
        (INSTANCE_FIELDS, 78, "PID NAME FDS AGE WATCHES HOLDERS"),
        (INSTANCE_FIELDS, 100, "WATCHES HOLDERS ARG CREATOR"),
        (EVENT_FIELDS, 78, "TIME EVENT PID NAME RESULT ARG"),
        (EVENT_FIELDS, 100, "RESULT ARG LIFETIME INSTANCE"),
    ],
)
def test_what_answers_questions_outlives_names_in_a_narrow_table(
    fields: Sequence[Field[Any]], room: int, titles: str
) -> None:
    shown = {field.title for field in fitting(fields, room, None)}
    assert set(titles.split()) <= shown


@given(st.integers(0, 300))
def test_columns_fit_and_come_in_their_order(room: int) -> None:
    registries: tuple[Sequence[Field[Any]], ...] = (PROCESS_FIELDS, INSTANCE_FIELDS, EVENT_FIELDS)
    for fields in registries:
        kept = fitting(fields, room, None)
        assert list(kept) == [field for field in fields if field in kept]
        least = 0 if not kept else sum(field.width or FLEXIBLE_MIN for field in kept) + GAP * (len(kept) - 1)
        assert least <= room or {field.title for field in kept} <= {"FINDING/COMMAND"}


def test_a_new_column_needs_no_more_than_a_line() -> None:
    half: Field[InstanceOf] = replace(lookup(INSTANCE_FIELDS, "watches"), id="half", get=lambda _row, _snapshot: 0.5)
    assert half.value(InstanceOf(instance(), process_row()), snapshot()) == 0.5


def test_a_fact_has_the_same_name_in_json_in_csv_and_in_a_filter() -> None:
    registries: tuple[tuple[Sequence[Field[Any]], Sequence[Member[Any]]], ...] = (
        (PROCESS_FIELDS, PROCESS.members),
        (HELD_FIELDS, INSTANCE.members),
    )
    for fields, members in registries:
        names = [member.name for member in members]
        assert len(names) == len(set(names))
        assert {field.id for field in fields if field.in_json} <= set(names)
        # These are names of counts, and in JSON what is counted.
        assert {known for field in fields for known in field.names if known in names} - {"holders", "instances"} <= {
            field.id for field in fields
        }


@pytest.mark.parametrize("name", ["failed", "age"])
def test_the_title_of_a_column_names_it_too(name: str) -> None:
    assert lookup(PROCESS_FIELDS, name).id == {"failed": "create_failed", "age": "age_s"}[name]
    assert lookup(INSTANCE_FIELDS, "holders").id == "holder_count"
