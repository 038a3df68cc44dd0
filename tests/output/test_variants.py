"""What a choice changes of the files in golden/, and that it changes nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from epolltop.model.event import Kind, Syscall
from epolltop.model.snapshot import Snapshot
from epolltop.output.report import WIDTH, Report
from epolltop.query.event_record import event_record
from epolltop.query.filter import parse_over
from epolltop.query.view import LOOPS, PROCESSES, SUBJECTS, View, look
from tests.support.differences import changed, changed_cells, changed_lines, csv_rows, markdown_rows
from tests.support.examples import EVENTS, bounded, exact, looping
from tests.support.formats import FORMATS, as_json_line, document_of
from tests.support.records import event
from tests.support.schema_check import check_document

ALL = View(PROCESSES)
SNAPSHOTS: dict[str, Callable[[], Snapshot]] = {
    "exact": exact,
    "bounded": bounded,
    "uncounted": lambda: exact(window_s=0.0),
    "looping": looping,
}
COUNTED = ("created", "released", "net", "create_per_s", "release_per_s")
FAILURES = ("create_failed", "sampled_out", "failed_sampled_out")


def written(format: str, made: Snapshot | None = None, subject: str = "processes", *, ascii_only: bool = False) -> str:
    view: View[Any] = View(SUBJECTS[subject])
    made = made or exact()
    return FORMATS[format](Report(made, view, look(made, view), events=EVENTS, ascii_only=ascii_only))


def document(made: Snapshot | None = None, subject: str = "processes") -> Any:
    return json.loads(written("json", made, subject))


# Views.


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("made", SNAPSHOTS)
def test_each_document_is_as_the_schema_says(made: str, subject: str, ascii_only: bool) -> None:
    text = written("json", SNAPSHOTS[made](), subject, ascii_only=ascii_only)
    assert text.isascii() or not ascii_only
    check_document(json.loads(text))
    assert json.loads(text) == document(SNAPSHOTS[made](), subject)


def test_the_document_of_instances_has_the_processes_that_hold_some() -> None:
    processes = document()["processes"]
    assert changed(document(), document(subject="instances")) == {
        "view.of": "instances",
        "view.sort": "age_s",
        "totals.shown": 2,
        "processes": [row for row in processes if row["instances"]],
    }


def test_the_document_of_loops_has_the_instances_of_some() -> None:
    made = looping()
    rows = [row for row in LOOPS.rows(made) if row.loop.key.tid in (42, 78)]
    nginx, hostile = document_of(Report(made, View(LOOPS), rows))["processes"]
    assert [[loop["tid"] for loop in held["loops"]] for held in nginx["instances"]] == [[42]]
    assert (nginx["open"], hostile["instances"], [loop["tid"] for loop in hostile["other_loops"]]) == (2, [], [78])


def test_the_document_of_events_has_them_in_their_order() -> None:
    of_processes, of_events = document(), document(subject="events")
    newest_first = of_processes["events"][::-1]
    assert of_events["events"] == newest_first
    assert changed({**of_processes, "events": newest_first}, of_events) == {"view.of": "events", "view.sort": "time"}


@pytest.mark.parametrize("made", SNAPSHOTS)
def test_json_says_the_same_on_one_line(made: str) -> None:
    line = as_json_line(Report(SNAPSHOTS[made](), ALL, look(SNAPSHOTS[made](), ALL), events=EVENTS))
    assert line.count("\n") == 1
    assert json.loads(line) == document(SNAPSHOTS[made]())


def test_csv_has_a_row_per_process_and_instance() -> None:
    rows = csv_rows(written("csv"))
    assert [(row["pid"], row["instance_fds"]) for row in rows] == [
        ("42", "4"),
        ("42", "8,9"),
        ("77", "5"),
        ("77", "6"),
        ("99", ""),
    ]
    for row in rows:
        # A negative number is none.
        assert not any(re.match(r"[=+@]|-(?![\d.]+$)", value) for value in row.values())


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("made", SNAPSHOTS)
def test_text_has_80_columns(made: str, subject: str, ascii_only: bool) -> None:
    lines = written("txt", SNAPSHOTS[made](), subject, ascii_only=ascii_only).splitlines()
    assert max(map(cell_len, lines)) <= WIDTH
    assert all(line == line.rstrip() for line in lines)


# ASCII.


@pytest.mark.parametrize("subject", SUBJECTS)
def test_ascii_csv_has_other_characters_escaped_and_nothing_else(subject: str) -> None:
    escaped = written("csv", subject=subject).encode("ascii", "backslashreplace").decode()
    assert written("csv", subject=subject, ascii_only=True) == escaped


def test_ascii_cells() -> None:
    """Bounds, bars, units and names, in every view."""
    before, after = (markdown_rows(written("md", bounded(), ascii_only=ascii_only)) for ascii_only in (False, True))
    counts = ("CREATED", "FREED", "NEW/S", "FREED/S")
    bounds = {(row, column): before[row][column].replace("≥", r"\>=") for row in range(3) for column in counts}
    bounds = {cell: value for cell, value in bounds.items() if value != r"\>0"}  # is of ASCII anyway
    name = r"\u65e5\u672c\u8a9e\u306e\u9577\u3044\u540d\u524d"
    command = rf"`*[x](javascript:1)* `\|`<b>`\|`` \x1b[31m `{name}` \xe9\xe9``"
    assert changed_cells(before, after) == bounds | {
        (0, "TREND"): "=@",
        (1, "TREND"): "=@",
        (1, "FINDING/COMMAND"): command,
    }

    before, after = (markdown_rows(written("md", None, "instances", ascii_only=told)) for told in (False, True))
    assert changed_cells(before, after) == {(0, "AGE"): r"\>=12.3s", (4, "AGE"): "250us"}

    before, after = (markdown_rows(written("md", None, "events", ascii_only=told)) for told in (False, True))
    assert changed_cells(before, after) == {(0, "NAME"): rf"`{name}\u306e\u9577\u3044\u540d\u524d`"}


def test_ascii_text_marks_a_cut_with_a_tilde() -> None:
    counts = ">=4 instances in >=2 processes (1 in flight)  created 123,456,795 (49,382,718/s)"
    changes = changed_lines(written("txt", subject="events"), written("txt", subject="events", ascii_only=True))
    assert changes == [
        counts,
        r"11:59:59.123 gone                ? \u65e5\u672c\u~ -       EPOLL_CLOEXEC",
        r"11:59:59.123 create failed      42 e\x1bvil|       4095    EPOLL_CLOEXE~",
    ]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("made", SNAPSHOTS)
def test_ascii_is_ascii(made: str, subject: str, format: str) -> None:
    assert written(format, SNAPSHOTS[made](), subject, ascii_only=True).isascii()


# A source that only reads /proc: counts are lower bounds, failures are unknown.


def test_a_document_of_lower_bounds() -> None:
    after = document(bounded())
    changes = changed(document(), after)
    source = {path: changes.pop(path) for path in [*changes] if path.startswith("source.")}
    assert (source["source.kind"], source["source.exact"]) == ("proc", False)
    assert source["source.fallback"].startswith("only /proc is read, since privileges: uid 65534")
    assert source["source.probes.0.traces"] is source["source.probes.1.traces"] is False
    limits = {path: changes.pop(path) for path in [*changes] if path.startswith("limits.")}
    assert limits["limits.0.id"] == "only_proc"
    of_processes = {f"processes.{row}.{member}": None for row in range(3) for member in FAILURES}
    assert changes == of_processes | {f"processes.{row}.exact": False for row in range(3)} | {
        "self.cpu_share": 0.5,
        "totals.create_failed": None,
        "totals.exact": False,
    }


def test_tables_of_lower_bounds() -> None:
    before, after = markdown_rows(written("md")), markdown_rows(written("md", bounded()))
    counts = ("CREATED", "FREED", "NEW/S", "FREED/S")
    bounds = {(row, column): "≥" + before[row][column] for row in range(3) for column in counts}
    failures = {(row, "FAILED"): "?" for row in range(3)}
    assert changed_cells(before, after) == bounds | failures | {(1, "NEW/S"): r"\>0"}
    cells = changed_cells(csv_rows(written("csv")), csv_rows(written("csv", bounded())))
    assert set(cells.values()) == {""}
    assert {row for row, _ in cells} == set(range(5))
    assert len({column for _, column in cells}) == len(FAILURES)


def test_the_head_of_lower_bounds() -> None:
    said = " ".join(written("txt", bounded()).split())
    assert "source proc" in said
    assert "created ≥123,456,795 (≥49,382,718/s) freed ≥9 (≥0.8/s) events 0" in said
    assert "note: only /proc is read, since privileges: uid 65534, may not load BPF programs; remedy: run it" in said


# Before there is a window nothing was counted.


def test_a_document_without_a_window() -> None:
    members = (*COUNTED, *FAILURES, "history")
    of_processes = {f"processes.{row}.{member}": None for row in range(3) for member in members}
    totals = ("created", "released", "create_failed", "released_by_kernel", "create_per_s", "release_per_s")
    assert changed(document(), document(exact(window_s=0.0))) == of_processes | {
        f"totals.{member}": None for member in totals
    } | {"observed_s": 0.0, "window_s": 0.0}


def test_tables_without_a_window() -> None:
    columns = ("CREATED", "FREED", "FAILED", "NEW/S", "FREED/S", "TREND")
    cells = changed_cells(markdown_rows(written("md")), markdown_rows(written("md", exact(window_s=0.0))))
    assert cells == {(row, column): "?" for row in range(3) for column in columns}
    cells = changed_cells(csv_rows(written("csv")), csv_rows(written("csv", exact(window_s=0.0))))
    assert set(cells.values()) == {""}
    assert len({column for _, column in cells}) == len(COUNTED) + len(FAILURES) + 1


def test_the_head_without_a_window() -> None:
    first, *_, counts = written("txt", exact(window_s=0.0)).splitlines()[:4]
    assert first.endswith("observed 0s")
    assert counts == "≥4 instances in ≥2 processes (1 in flight)"


# What was asked for: a filter, an order, a number of rows.

ASKED = {
    "processes": ('user:www or "[x]"', ["77", "42"]),
    "instances": ("holders>1 or pid:77", ["77 5", "77 6", "42 8,9"]),
    "events": ("kind:create and !fd=8", ["4095 EPOLL_CLOEXEC|0x1", "EMFILE size=1024"]),
}
KEYS = {"processes": ("pid",), "instances": ("pid", "fds"), "events": ("result", "argument")}
TITLES = {"processes": ("PID",), "instances": ("PID", "FDS"), "events": ("RESULT", "ARG")}


def asked(subject: str, format: str) -> str:
    text, _ = ASKED[subject]
    view: View[Any] = View(SUBJECTS[subject], parse_over(SUBJECTS[subject].fields, text), "pid", True, 3)
    made = exact()
    return FORMATS[format](Report(made, view, look(made, view), text))


@pytest.mark.parametrize("subject", ASKED)
def test_tables_of_what_was_asked(subject: str) -> None:
    text, rows = ASKED[subject]
    for_csv = [" ".join(row[key] for key in KEYS[subject]) for row in csv_rows(asked(subject, "csv"))]
    assert list(dict.fromkeys(for_csv)) == rows
    for_markdown = [" ".join(row[key] for key in TITLES[subject]) for row in markdown_rows(asked(subject, "md"))]
    assert [row.replace("`", "").replace("\\", "") for row in for_markdown] == rows
    head, table = asked(subject, "txt").split("\n\n")
    assert head.endswith(f"\nfilter: {text}")
    assert len(table.splitlines()) == 1 + len(rows)
    assert f"filter: `{text}`" in asked(subject, "md")


@pytest.mark.parametrize("subject", ASKED)
def test_a_document_of_what_was_asked(subject: str) -> None:
    text, rows = ASKED[subject]
    made = json.loads(asked(subject, "json"))
    check_document(made)
    assert made["view"] == {"of": subject, "filter": text, "sort": "pid", "descending": True, "rows": 3}
    assert made["totals"]["processes"] == 3
    if subject == "events":
        results = [told["returnValue"] for told in made["events"]]
        assert (results, made["events_left_out"]) == ([-4095, -24], len(EVENTS) - len(rows))
    else:
        assert [row["pid"] for row in made["processes"]] == [77, 42]
        assert made["totals"]["shown"] == 2
    if subject == "instances":
        fds = [[held["fds"] for held in row["instances"]] for row in made["processes"]]
        assert fds == [[[5], [6]], [[8, 9]]]


def test_a_filter_that_is_no_text_can_be_written() -> None:
    told = replace(Report(exact(), ALL, look(exact(), ALL), events=EVENTS), filter_text="a\udcff\x1b[31m\x9b")
    for format, write in FORMATS.items():
        text = write(told).encode()
        assert b"\x1b" not in text
        assert "\x9b" not in text.decode()
        assert (rb"a\xff\x1b[31m" in text.replace(rb"\\", b"\\").replace(rb"\[", b"[")) == (format != "csv")


def test_a_size_is_the_signed_number_that_was_passed() -> None:
    call = event(kind=Kind.CREATE_FAILED, syscall=Syscall.EPOLL_CREATE, argument=0xFFFFFFFF, errno=22)
    assert event_record(call, exact())["args"] == [{"name": "size", "type": "int", "value": -1}]


def test_nothing_shown_is_still_a_document() -> None:
    for format in FORMATS:
        assert written(format, replace(exact(), processes=())), format
