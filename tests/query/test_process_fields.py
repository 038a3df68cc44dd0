"""What the columns of processes say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from epolltop.model.counts import Totals
from epolltop.model.process_row import ProcessRow
from epolltop.model.source import Probe
from epolltop.query.field import Value, lookup, shown
from epolltop.query.filter import parse_over
from epolltop.query.headline import totals_line
from epolltop.query.process_fields import PROCESS_FIELDS
from tests.support.records import NOW_NS, SECOND_NS
from tests.support.rows import process_row, snapshot

DERIVED = ("created", "released", "create_per_s", "release_per_s")
COUNTED = (*DERIVED, "failed", "sampled_out", "failed_sampled_out")


def value(name: str, row: ProcessRow, **world: Any) -> Value:
    return lookup(PROCESS_FIELDS, name).value(row, snapshot(**world))


def show(name: str, row: ProcessRow, **world: Any) -> str:
    return lookup(PROCESS_FIELDS, name).show(row, snapshot(**world))


def test_columns_of_processes_come_in_the_promised_order() -> None:
    """Others may stand among them."""
    promised = "PID USER OPEN NEW/S FREED/S NET/MIN CONTAINER CREATED FREED FAILED FDS LIMIT FULL NSPID AGE TREND NAME"
    titles = [field.title for field in PROCESS_FIELDS if field.shown]
    assert " ".join(title for title in titles[:-1] if title in promised.split()) == promised
    assert titles[-1] == "FINDING/COMMAND"


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
def test_the_directory_of_the_program_is_left_out_of_tables(command: str, shown: str) -> None:
    row = process_row(command=command)
    assert (value("command", row), show("command", row)) == (command, shown)


def test_a_large_pid_is_not_rounded() -> None:
    assert show("pid", process_row(4_194_303)) == "4194303"


def test_open_counts_the_instances_held() -> None:
    assert value("open", process_row(open=3)) == 3


def test_age_is_taken_at_the_instant_of_the_snapshot() -> None:
    row = process_row(started_ns=NOW_NS - 90 * SECOND_NS)
    assert (value("age", row), show("age", row)) == (90.0, "1m30s")


def test_the_trend_shows_bars_and_sorts_by_its_peak() -> None:
    row = process_row(history=(1.0, 8.0, 4.0))
    assert (value("trend", row), show("trend", row)) == (8.0, "▁█▄".rjust(12))


@pytest.mark.parametrize("name", [*COUNTED, "trend"])
def test_what_was_not_observed_is_unknown_and_not_zero(name: str) -> None:
    assert value(name, process_row(), window_s=0) is None
    assert show(name, process_row(), window_s=0) == "?"


@pytest.mark.parametrize("name", ["failed", "sampled_out", "failed_sampled_out"])
@pytest.mark.parametrize("number", [0, 7])
def test_without_a_trace_it_is_not_known_what_failed(name: str, number: int) -> None:
    row = process_row(**{name: number})
    assert value(name, row, exact=False) is None
    assert show(name, row, exact=False) == "?"
    assert (value(name, row), show(name, row)) == (number, str(number))


def test_what_failed_is_known_where_only_releases_are_not_traced() -> None:
    world = snapshot()
    probes = (Probe("epoll_create", "test", True), Probe("files_free", "test", False))
    mixed = replace(world, source=replace(world.source, probes=probes))
    assert not mixed.source.exact
    assert lookup(PROCESS_FIELDS, "failed").value(process_row(failed=0), mixed) == 0
    row = process_row(created=5, released=3)
    told = {name: lookup(PROCESS_FIELDS, name).show(row, mixed) for name in ("created", "released")}
    assert told == {"created": "5", "released": "≥3"}


def test_a_probe_of_something_else_that_sees_nothing_leaves_counts_exact() -> None:
    world = snapshot()
    probes = (*world.source.probes, Probe("epoll_wait", "nowhere", False))
    beside = replace(world, source=replace(world.source, probes=probes), totals=Totals(5, 0, 3))
    assert beside.exact
    assert "created 5 (0/s)  freed 3 (0/s)  failed 0" in totals_line(beside)
    assert lookup(PROCESS_FIELDS, "created").show(process_row(created=5), beside) == "5"
    assert beside.net_of(process_row(created=5, released=3)) == 2


@pytest.mark.parametrize("name", DERIVED)
def test_without_a_trace_numbers_are_lower_bounds(name: str) -> None:
    assert show(name, process_row(**{name: 7}), exact=False).startswith("≥7")
    assert show(name, process_row(**{name: 7})).startswith("7")


@pytest.mark.parametrize("name", DERIVED)
def test_no_less_than_nothing_is_not_said(name: str) -> None:
    assert show(name, process_row(**{name: 0}), exact=False) == "0"


def test_a_small_lower_bound_is_more_than_nothing() -> None:
    assert show("new/s", process_row(create_per_s=0.01), exact=False) == ">0"


def test_what_is_held_is_exact_without_a_trace() -> None:
    assert show("open", process_row(open=2), exact=False) == "2"


@pytest.mark.parametrize("member", ["ppid", "uid", "user", "cgroup", "fds", "fd_limit"])
def test_what_could_not_be_read_is_unknown(member: str) -> None:
    changes: dict[str, Any] = {member: None}
    row = process_row(**changes)
    assert (value(member, row), show(member, row)) == (None, "?")


def test_a_container_is_shown_by_the_short_id_and_known_by_the_whole() -> None:
    row = process_row(container="3f2a" * 16)
    assert (value("container", row), show("container", row)) == (
        "3f2a" * 16,
        "3f2a3f2a3f2a",
    )
    assert show("container", process_row(container="web-with-a-long-name")) == "web-with-a-long-name"
    assert parse_over(PROCESS_FIELDS, "container:3f2a")(row, snapshot(row))
    assert not parse_over(PROCESS_FIELDS, "container:3f2a")(process_row(), snapshot(row))


@pytest.mark.parametrize(("cgroup", "text"), [("/user.slice", "-"), ("", "?"), (None, "?")])
def test_no_container_is_told_from_an_unknown_one(cgroup: str | None, text: str) -> None:
    assert show("container", process_row(cgroup=cgroup)) == text


@pytest.mark.parametrize(("ns_pid", "text"), [(42, "-"), (1, "1"), (None, "?")])
def test_a_pid_inside_is_shown_where_it_differs(ns_pid: int | None, text: str) -> None:
    row = process_row(42, ns_pid=ns_pid)
    assert (value("nspid", row), show("nspid", row)) == (ns_pid, text)


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
def test_columns_about_containers_are_there_if_a_process_is_in_one(changes: dict[str, Any], columns: set[str]) -> None:
    world = snapshot(process_row(1, ns_pid=1), process_row(42, **changes))
    there = {field.id for field in shown(PROCESS_FIELDS, world)}
    assert there & {"container", "ns_pid"} == columns
    assert {field.id for field in shown(PROCESS_FIELDS, None)} == there - columns


def test_an_unknown_start_is_an_unknown_age() -> None:
    assert show("age", process_row(started_ns=None)) == "?"


def test_truth_is_said_in_words() -> None:
    assert show("ended", process_row(ended=True)) == "yes"


@pytest.mark.parametrize(
    ("fds", "limit", "severity"),
    [(79, 100, None), (80, 100, "warn"), (95, 100, "error"), (None, 100, None), (5000, None, None), (1, 0, None)],
)
def test_running_out_of_descriptors_is_alarming(fds: int | None, limit: int | None, severity: str | None) -> None:
    row = process_row(fds=fds, fd_limit=limit)
    assert lookup(PROCESS_FIELDS, "fds").severity(row, snapshot()) == severity
    assert lookup(PROCESS_FIELDS, "limit").severity(row, snapshot()) == severity


def test_failed_creations_are_alarming() -> None:
    assert [lookup(PROCESS_FIELDS, "failed").severity(process_row(failed=failed), snapshot()) for failed in (0, 1)] == [
        None,
        "warn",
    ]
