from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.model.counts import Totals
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.source import Probe
from epolltop.query.creation import argument_text, flag_names
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import FLEXIBLE_MIN, GAP, Field, UnknownField, Value, fitting, lookup, shown
from epolltop.query.filter import parse_over
from epolltop.query.headline import totals_line
from epolltop.query.instance_fields import HELD_FIELDS, INSTANCE_FIELDS, InstanceOf
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.member import Member, Row
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.process_members import INSTANCE, PROCESS
from epolltop.query.watch_fields import WATCH_FIELDS
from tests.support.records import NOW_NS, SECOND_NS, event
from tests.support.rows import instance, process_row, snapshot

REGISTRIES: dict[str, Sequence[Field[Any]]] = {
    "process": PROCESS_FIELDS,
    "instance": INSTANCE_FIELDS,
    "event": EVENT_FIELDS,
    "loop": LOOP_FIELDS,
    "watch": WATCH_FIELDS,
}
WORDS = {
    Kind.CREATE: "create",
    Kind.CREATE_FAILED: "create failed",
    Kind.RELEASE: "release",
    Kind.FOUND: "found",
    Kind.GONE: "gone",
}
DERIVED = ("created", "released", "create_per_s", "release_per_s")
COUNTED = (*DERIVED, "failed", "sampled_out", "failed_sampled_out")


def value(fields: Sequence[Field[Row]], name: str, row: Row, **world: Any) -> Value:
    return lookup(fields, name).value(row, snapshot(**world))


def show(fields: Sequence[Field[Row]], name: str, row: Row, **world: Any) -> str:
    return lookup(fields, name).show(row, snapshot(**world))


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


def test_columns_of_processes_come_in_the_promised_order() -> None:
    """Others may stand among them."""
    promised = "PID USER OPEN NEW/S FREED/S NET/MIN CONTAINER CREATED FREED FAILED FDS LIMIT FULL NSPID AGE TREND NAME"
    titles = [field.title for field in PROCESS_FIELDS if field.shown]
    assert " ".join(title for title in titles[:-1] if title in promised.split()) == promised
    assert titles[-1] == "COMMAND"


@pytest.mark.parametrize(
    ("fields", "room", "titles"),
    [
        (PROCESS_FIELDS, 78, "PID USER OPEN NEW/S NET/MIN FDS LIMIT FULL COMMAND"),  # of a screen of 80
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
        assert least <= room or {field.title for field in kept} <= {"COMMAND"}


class TestProcesses:
    @pytest.mark.parametrize(
        ("command", "shown"),
        [
            ("/usr/bin/python3 /srv/app.py", "python3 /srv/app.py"),
            ("nginx: worker process", "nginx: worker process"),
            ("/", "/"),
            ("./server", "server"),
            ("[kworker/0:1]", "[kworker/0:1]"),
        ],
    )
    def test_the_directory_of_the_program_is_left_out_of_tables(self, command: str, shown: str) -> None:
        row = process_row(command=command)
        assert (value(PROCESS_FIELDS, "command", row), show(PROCESS_FIELDS, "command", row)) == (command, shown)

    def test_a_large_pid_is_not_rounded(self) -> None:
        assert show(PROCESS_FIELDS, "pid", process_row(4_194_303)) == "4194303"

    def test_open_counts_the_instances_held(self) -> None:
        assert value(PROCESS_FIELDS, "open", process_row(open=3)) == 3

    def test_age_is_taken_at_the_instant_of_the_snapshot(self) -> None:
        row = process_row(started_ns=NOW_NS - 90 * SECOND_NS)
        assert (value(PROCESS_FIELDS, "age", row), show(PROCESS_FIELDS, "age", row)) == (90.0, "1m30s")

    def test_the_trend_shows_bars_and_sorts_by_its_peak(self) -> None:
        row = process_row(history=(1.0, 8.0, 4.0))
        assert (value(PROCESS_FIELDS, "trend", row), show(PROCESS_FIELDS, "trend", row)) == (8.0, "▁█▄".rjust(12))

    @pytest.mark.parametrize("name", [*COUNTED, "trend"])
    def test_what_was_not_observed_is_unknown_and_not_zero(self, name: str) -> None:
        assert value(PROCESS_FIELDS, name, process_row(), window_s=0) is None
        assert show(PROCESS_FIELDS, name, process_row(), window_s=0) == "?"

    @pytest.mark.parametrize("name", ["failed", "sampled_out", "failed_sampled_out"])
    @pytest.mark.parametrize("number", [0, 7])
    def test_without_a_trace_it_is_not_known_what_failed(self, name: str, number: int) -> None:
        row = process_row(**{name: number})
        assert value(PROCESS_FIELDS, name, row, exact=False) is None
        assert show(PROCESS_FIELDS, name, row, exact=False) == "?"
        assert (value(PROCESS_FIELDS, name, row), show(PROCESS_FIELDS, name, row)) == (number, str(number))

    def test_what_failed_is_known_where_only_releases_are_not_traced(self) -> None:
        world = snapshot()
        probes = (Probe("epoll_create", "test", True), Probe("files_free", "test", False))
        mixed = replace(world, source=replace(world.source, probes=probes))
        assert not mixed.source.exact
        assert lookup(PROCESS_FIELDS, "failed").value(process_row(failed=0), mixed) == 0
        row = process_row(created=5, released=3)
        told = {name: lookup(PROCESS_FIELDS, name).show(row, mixed) for name in ("created", "released")}
        assert told == {"created": "5", "released": "≥3"}

    def test_a_probe_of_something_else_that_sees_nothing_leaves_counts_exact(self) -> None:
        world = snapshot()
        probes = (*world.source.probes, Probe("epoll_wait", "nowhere", False))
        beside = replace(world, source=replace(world.source, probes=probes), totals=Totals(5, 0, 3))
        assert beside.exact
        assert "created 5 (0/s)  freed 3 (0/s)  failed 0" in totals_line(beside)
        assert lookup(PROCESS_FIELDS, "created").show(process_row(created=5), beside) == "5"
        assert beside.net_of(process_row(created=5, released=3)) == 2

    @pytest.mark.parametrize("name", DERIVED)
    def test_without_a_trace_numbers_are_lower_bounds(self, name: str) -> None:
        assert show(PROCESS_FIELDS, name, process_row(**{name: 7}), exact=False).startswith("≥7")
        assert show(PROCESS_FIELDS, name, process_row(**{name: 7})).startswith("7")

    @pytest.mark.parametrize("name", DERIVED)
    def test_no_less_than_nothing_is_not_said(self, name: str) -> None:
        assert show(PROCESS_FIELDS, name, process_row(**{name: 0}), exact=False) == "0"

    def test_a_small_lower_bound_is_more_than_nothing(self) -> None:
        assert show(PROCESS_FIELDS, "new/s", process_row(create_per_s=0.01), exact=False) == ">0"

    def test_what_is_held_is_exact_without_a_trace(self) -> None:
        assert show(PROCESS_FIELDS, "open", process_row(open=2), exact=False) == "2"

    @pytest.mark.parametrize("member", ["ppid", "uid", "user", "cgroup", "fds", "fd_limit"])
    def test_what_could_not_be_read_is_unknown(self, member: str) -> None:
        changes: dict[str, Any] = {member: None}
        row = process_row(**changes)
        assert (value(PROCESS_FIELDS, member, row), show(PROCESS_FIELDS, member, row)) == (None, "?")

    def test_a_container_is_shown_by_the_short_id_and_known_by_the_whole(self) -> None:
        row = process_row(container="3f2a" * 16)
        assert (value(PROCESS_FIELDS, "container", row), show(PROCESS_FIELDS, "container", row)) == (
            "3f2a" * 16,
            "3f2a3f2a3f2a",
        )
        assert (
            show(PROCESS_FIELDS, "container", process_row(container="web-with-a-long-name")) == "web-with-a-long-name"
        )
        assert parse_over(PROCESS_FIELDS, "container:3f2a")(row, snapshot(row))
        assert not parse_over(PROCESS_FIELDS, "container:3f2a")(process_row(), snapshot(row))

    @pytest.mark.parametrize(("cgroup", "text"), [("/user.slice", "-"), ("", "?"), (None, "?")])
    def test_no_container_is_told_from_an_unknown_one(self, cgroup: str | None, text: str) -> None:
        assert show(PROCESS_FIELDS, "container", process_row(cgroup=cgroup)) == text

    @pytest.mark.parametrize(("ns_pid", "text"), [(42, "-"), (1, "1"), (None, "?")])
    def test_a_pid_inside_is_shown_where_it_differs(self, ns_pid: int | None, text: str) -> None:
        row = process_row(42, ns_pid=ns_pid)
        assert (value(PROCESS_FIELDS, "nspid", row), show(PROCESS_FIELDS, "nspid", row)) == (ns_pid, text)

    @pytest.mark.parametrize(
        ("changes", "columns"),
        [
            ({}, set()),
            ({"ns_pid": None}, set()),
            ({"container": "web"}, {"container"}),
            ({"ns_pid": 1}, {"ns_pid"}),
            ({"container": "web", "ns_pid": 1}, {"container", "ns_pid"}),
        ],
    )
    def test_columns_about_containers_are_there_if_a_process_is_in_one(
        self, changes: dict[str, Any], columns: set[str]
    ) -> None:
        world = snapshot(process_row(1, ns_pid=1), process_row(42, **changes))
        there = {field.id for field in shown(PROCESS_FIELDS, world)}
        assert there & {"container", "ns_pid"} == columns
        assert {field.id for field in shown(PROCESS_FIELDS, None)} == there - columns

    def test_an_unknown_start_is_an_unknown_age(self) -> None:
        assert show(PROCESS_FIELDS, "age", process_row(started_ns=None)) == "?"

    def test_truth_is_said_in_words(self) -> None:
        assert show(PROCESS_FIELDS, "ended", process_row(ended=True)) == "yes"

    @pytest.mark.parametrize(
        ("fds", "limit", "severity"),
        [(79, 100, None), (80, 100, "warn"), (95, 100, "error"), (None, 100, None), (5000, None, None), (1, 0, None)],
    )
    def test_running_out_of_descriptors_is_alarming(
        self, fds: int | None, limit: int | None, severity: str | None
    ) -> None:
        row = process_row(fds=fds, fd_limit=limit)
        assert lookup(PROCESS_FIELDS, "fds").severity(row, snapshot()) == severity
        assert lookup(PROCESS_FIELDS, "limit").severity(row, snapshot()) == severity

    def test_failed_creations_are_alarming(self) -> None:
        assert [
            lookup(PROCESS_FIELDS, "failed").severity(process_row(failed=failed), snapshot()) for failed in (0, 1)
        ] == [
            None,
            "warn",
        ]


class TestInstances:
    def test_descriptors_are_listed_while_they_fit(self) -> None:
        few = InstanceOf(instance(holders=((42, (8, 9)),)), process_row())
        many = InstanceOf(instance(holders=((42, tuple(range(100, 120))),)), process_row())
        assert show(INSTANCE_FIELDS, "fds", few) == "8,9"
        assert show(INSTANCE_FIELDS, "fds", many) == "20 fds"
        assert str(value(INSTANCE_FIELDS, "fds", many)).count(",") == 19

    def test_a_traced_instance_has_an_age(self) -> None:
        row = InstanceOf(instance(age_s=12.3), process_row())
        assert (value(INSTANCE_FIELDS, "age", row), show(INSTANCE_FIELDS, "age", row)) == (12.3, "12.3s")
        assert value(INSTANCE_FIELDS, "created_at", row) == "2026-01-31T11:59:47.823456Z"
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.823", show(INSTANCE_FIELDS, "created_at", row))

    def test_a_found_instance_is_at_least_as_old_as_it_is_known(self) -> None:
        row = InstanceOf(instance(age_s=12.3, found=True), process_row())
        assert (value(INSTANCE_FIELDS, "age", row), show(INSTANCE_FIELDS, "age", row)) == (None, "≥12.3s")
        assert [show(INSTANCE_FIELDS, name, row) for name in ("seen", "created_at", "creator")] == ["found", "?", "?"]

    def test_other_holders_are_named(self) -> None:
        alone = InstanceOf(instance(), process_row())
        shared = InstanceOf(instance(holders=((42, (8,)), (43, (8,)))), process_row())
        crowd = InstanceOf(instance(holders=tuple((pid, (8,)) for pid in range(20))), process_row())
        assert [show(INSTANCE_FIELDS, "holders", row) for row in (alone, shared)] == ["1", "2: 42,43"]
        assert show(INSTANCE_FIELDS, "holders", crowd) == "20: 0,1,2,3,4,5,6,7…"
        assert value(INSTANCE_FIELDS, "holders", crowd) == 20

    @pytest.mark.parametrize(
        ("syscall", "argument", "text"),
        [
            (Syscall.EPOLL_CREATE, 1024, "size=1024"),
            (Syscall.EPOLL_CREATE, -1, "size=-1"),
            (Syscall.EPOLL_CREATE1, 0, "0"),
            (Syscall.EPOLL_CREATE1, 0o2000000, "EPOLL_CLOEXEC"),
            (Syscall.EPOLL_CREATE1, 0o2000001, "EPOLL_CLOEXEC|0x1"),
            (Syscall.EPOLL_CREATE1, None, None),
            (Syscall.UNKNOWN, 0, None),
        ],
    )
    def test_the_argument_reads_as_it_was_written(
        self, syscall: Syscall, argument: int | None, text: str | None
    ) -> None:
        assert argument_text(syscall, argument) == text
        row = InstanceOf(instance(syscall=syscall, argument=argument), process_row())
        assert show(INSTANCE_FIELDS, "arg", row) == (text or "?")

    def test_negative_flags_have_names_too(self) -> None:
        assert flag_names(-1) == ("EPOLL_CLOEXEC", "0xfff7ffff")

    def test_watches_that_were_not_read_are_unknown(self) -> None:
        assert [
            show(INSTANCE_FIELDS, "watches", InstanceOf(instance(watches=n), process_row())) for n in (None, 0)
        ] == [
            "?",
            "0",
        ]


class TestEvents:
    def test_every_member_of_an_event_is_in_some_field(self) -> None:
        changes: dict[str, Any] = dict.fromkeys(Event._fields, 7)
        changes |= {"kind": Kind.RELEASE, "syscall": Syscall.EPOLL_CREATE, "name": "other", "by_kernel": True}
        changes["stack"] = ("function+0x1c (libfoo.so)",)
        for member, changed in changes.items():
            before, after = event(errno=24), event(errno=24)._replace(**{member: changed})
            world = snapshot()
            assert any(field.value(before, world) != field.value(after, world) for field in EVENT_FIELDS), member

    @pytest.mark.parametrize(("kind", "text"), WORDS.items())
    def test_every_kind_has_a_word(self, kind: Kind, text: str) -> None:
        assert show(EVENT_FIELDS, "kind", event(kind=kind)) == text

    def test_a_creation_returned_a_descriptor(self) -> None:
        assert show(EVENT_FIELDS, "result", event(fd=8)) == "8"
        assert show(EVENT_FIELDS, "result", event(fd=None)) == "?"

    @pytest.mark.parametrize(("errno", "text"), [(24, "EMFILE"), (9999, "9999")])
    def test_a_failure_has_a_reason(self, errno: int, text: str) -> None:
        row = event(kind=Kind.CREATE_FAILED, fd=None, errno=errno)
        assert show(EVENT_FIELDS, "result", row) == show(EVENT_FIELDS, "errno", row) == text
        assert lookup(EVENT_FIELDS, "result").severity(row, snapshot()) == "error"

    def test_a_release_has_a_lifetime_if_creation_was_seen(self) -> None:
        row = event(kind=Kind.RELEASE, created_ns=NOW_NS - 3 * SECOND_NS)
        assert (value(EVENT_FIELDS, "lifetime", row), show(EVENT_FIELDS, "lifetime", row)) == (2.0, "2.0s")
        assert show(EVENT_FIELDS, "lifetime", row._replace(created_ns=0)) == "?"

    def test_a_stack_is_one_line_innermost_first(self) -> None:
        row = event(stack=("inner+0x1 (a.so)", "[0x7f00] (b)"))
        assert value(EVENT_FIELDS, "stack", row) == "inner+0x1 (a.so) < [0x7f00] (b)"
        assert (value(EVENT_FIELDS, "stack", event()), show(EVENT_FIELDS, "stack", event())) == (None, "?")
        assert parse_over(EVENT_FIELDS, "stack:INNER")(row, snapshot())
        assert not parse_over(EVENT_FIELDS, "stack:outer")(row, snapshot())

    def test_what_cannot_be_is_not_called_unknown(self) -> None:
        release = event(kind=Kind.RELEASE, fd=None, argument=None)
        assert [show(EVENT_FIELDS, name, release) for name in ("result", "fd", "errno", "arg", "stack")] == ["-"] * 5
        assert show(EVENT_FIELDS, "lifetime", event()) == "-"

    def test_the_instance_is_called_as_in_the_table_of_instances(self) -> None:
        held = instance(age_s=1.0)
        assert value(EVENT_FIELDS, "instance", event(file=held.file, since_ns=held.since_ns)) == held.id
        assert show(EVENT_FIELDS, "instance", event(file=0)) == "?"

    def test_times_are_of_the_wall(self) -> None:
        assert value(EVENT_FIELDS, "time", event()) == "2026-01-31T11:59:59.123456Z"
        assert re.fullmatch(r"\d\d:\d\d:59\.123", show(EVENT_FIELDS, "time", event()))

    def test_an_unknown_user_or_group_is_not_zero(self) -> None:
        row = event(uid=None, cgroup=0, start=0, syscall=Syscall.UNKNOWN)
        assert [show(EVENT_FIELDS, name, row) for name in ("uid", "cgroup", "start", "syscall")] == ["?"] * 4

    def test_an_unknown_actor_is_not_process_0(self) -> None:
        row = event(kind=Kind.GONE, pid=0, tid=0, ppid=0, name="")
        assert [show(EVENT_FIELDS, name, row) for name in ("pid", "tid", "ppid", "name")] == ["?"] * 4


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
