"""What is written, byte for byte. EPOLLTOP_WRITE_GOLDEN=1 writes the files anew: read the difference first."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import functools
import io
import json
import os
import re
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from epolltop.errors import Requirement
from epolltop.model.batch import Event, Kind, Syscall, Unlisted
from epolltop.model.snapshot import Snapshot
from epolltop.model.world import JOURNAL, Selection
from epolltop.output.batch_tables import run_batch
from epolltop.output.doctor import Kept, doctor_report
from epolltop.output.event_lines import run_events
from epolltop.output.parts import Write
from epolltop.output.report import WIDTH, Report
from epolltop.output.snapshot_command import run_snapshot
from epolltop.query.event_record import event_record
from epolltop.query.filter import everything, parse, parse_over
from epolltop.query.view import EVENTS as ALL_EVENTS
from epolltop.query.view import PROCESSES, SUBJECTS, View, look
from epolltop.session.observation import Session
from tests.output.whole import FORMATS, as_json_line
from tests.query.rows import event
from tests.ui.source import START, ScriptedSource, Task, batch

from .documents import check_document
from .made import EVENTS, HOSTILE, bounded, exact

GOLDEN = Path(__file__).with_name("golden")
ALL = View(PROCESSES)
NEEDS = (
    Requirement("privileges", False, "uid 65534, may not load BPF programs", "run it as root: sudo epolltop"),
    Requirement("lockdown", False, "confidentiality"),
    Requirement("BCC", True, "0.26.0 from /usr/lib/python3/dist-packages/bcc"),
)
NOTHING = Unlisted(0, 0, 0, True)
TASKS = (Task(42, open=2, created=3, released=1), Task(77, HOSTILE.name, HOSTILE.command, "日本"))


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def agree(name: str, written: str) -> None:
    path = GOLDEN / name
    if os.environ.get("EPOLLTOP_WRITE_GOLDEN"):
        path.write_bytes(written.encode())
    assert written.encode() == path.read_bytes()


SNAPSHOTS: dict[str, Callable[[], Snapshot]] = {
    "exact": exact,
    "bounded": bounded,
    "uncounted": lambda: exact(window_s=0.0),
}


def report(made: Snapshot, view: View[Any] = ALL, *, ascii_only: bool = False) -> Report[Any]:
    return Report(made, view, look(made, view), events=EVENTS, ascii_only=ascii_only)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("made", SNAPSHOTS)
def test_snapshots(made: str, format: str) -> None:
    agree(f"{made}.{format}", FORMATS[format](report(SNAPSHOTS[made]())))


def test_every_document_is_as_the_schema_says() -> None:
    documents = [path for path in GOLDEN.glob("*.json") if not path.name.startswith("doctor")]
    assert len(documents) > 8
    for path in documents:
        check_document(json.loads(path.read_text()))


@pytest.mark.parametrize("format", FORMATS)
def test_snapshots_in_ascii(format: str) -> None:
    written = FORMATS[format](report(bounded(), ascii_only=True))
    assert written.isascii()
    agree(f"ascii.{format}", written)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("name", ["instances", "events"])
def test_other_views(name: str, ascii_only: bool, format: str) -> None:
    written = FORMATS[format](report(exact(), View(SUBJECTS[name]), ascii_only=ascii_only))
    assert written.isascii() or not ascii_only
    agree(f"view-{name}{'-ascii' * ascii_only}.{format}", written)


FILTERS = {"processes": 'user:www or "[x]"', "instances": "holders>1 or pid:77", "events": "kind:create and !fd=8"}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", FILTERS)
def test_what_was_asked(name: str, format: str) -> None:
    subject = SUBJECTS[name]
    view = View(subject, parse_over(subject.fields, FILTERS[name]), sort="pid", reverse=True, rows=3)
    made = exact()
    agree(f"asked-{name}.{format}", FORMATS[format](Report(made, view, look(made, view), FILTERS[name])))


def test_a_filter_that_is_no_text_can_be_written() -> None:
    made = replace(report(exact()), filter_text="a\udcff\x1b[31m\x9b")
    for format, write in FORMATS.items():
        written = write(made).encode()
        assert b"\x1b" not in written
        assert "\x9b" not in written.decode()
        assert (rb"a\xff\x1b[31m" in written.replace(rb"\\", b"\\").replace(rb"\[", b"[")) == (format != "csv")


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("made", SNAPSHOTS)
def test_text_has_80_columns(made: str, subject: str, ascii_only: bool) -> None:
    about = report(SNAPSHOTS[made](), View(SUBJECTS[subject]), ascii_only=ascii_only)
    lines = FORMATS["txt"](about).splitlines()
    assert max(map(cell_len, lines)) <= WIDTH
    assert all(line == line.rstrip() for line in lines)


def test_text_says_all_of_a_long_note() -> None:
    said = " ".join(FORMATS["txt"](report(bounded())).split())
    assert "note: only /proc is read, since privileges: uid 65534, may not load BPF programs; remedy: run it" in said


@pytest.mark.parametrize("made", SNAPSHOTS)
def test_json_says_the_same_on_one_line(made: str) -> None:
    line = as_json_line(report(SNAPSHOTS[made]()))
    assert line.count("\n") == 1
    assert json.loads(line) == json.loads(FORMATS["json"](report(SNAPSHOTS[made]())))


def test_csv_has_a_row_per_process_and_instance() -> None:
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](report(exact())))))
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


def test_a_size_is_the_signed_number_that_was_passed() -> None:
    call = event(kind=Kind.CREATE_FAILED, syscall=Syscall.EPOLL_CREATE, argument=0xFFFFFFFF, errno=22)
    assert event_record(call, exact())["args"] == [{"name": "size", "type": "int", "value": -1}]


def test_nothing_shown_is_still_a_document() -> None:
    made = replace(exact(), processes=())
    for format, write in FORMATS.items():
        assert write(report(made)), format


# What writes them.


def session(events: Sequence[Event]) -> Session:
    source = ScriptedSource(batch(*TASKS, events=events), batch(*TASKS, Task(99, "late", created=1)))
    return Session(lambda: source, Selection(), 0.01, tell_all=True)


def written_by(run: Callable[[Session, Write], Coroutine[None, None, None]], events: Sequence[Event] = EVENTS) -> str:
    written: list[str] = []

    async def whole() -> None:
        observing = session(events)
        try:
            await run(observing, written.extend)
        finally:
            observing.close()

    asyncio.run(whole())
    return "".join(written)


def test_batch() -> None:
    text = written_by(lambda s, write: run_batch(s, ALL, "", write, count=2, json=False, ascii_only=False))
    assert max(map(cell_len, text.splitlines())) <= WIDTH
    agree("batch.txt", text)


def test_batch_of_events_tells_each_once() -> None:
    text = written_by(lambda s, write: run_batch(s, View(ALL_EVENTS), "", write, count=2, json=False, ascii_only=False))
    agree("batch-events.txt", text)


def test_batch_json() -> None:
    agree(
        "batch.jsonl",
        written_by(lambda s, write: run_batch(s, ALL, "", write, count=2, json=True, ascii_only=False)),
    )


@pytest.mark.parametrize(("ascii_only", "name"), [(False, "events.txt"), (True, "events-ascii.txt")])
def test_events(ascii_only: bool, name: str) -> None:
    text = written_by(
        lambda s, write: run_events(s, everything, write, say=str, seconds=0, json=False, ascii_only=ascii_only)
    )
    assert text.isascii() or not ascii_only
    assert max(map(cell_len, text.splitlines())) <= 120
    agree(name, text)


def test_events_json() -> None:
    agree(
        "events.jsonl",
        written_by(lambda s, write: run_events(s, everything, write, say=str, seconds=0, json=True, ascii_only=False)),
    )


def test_a_snapshot_with_its_events() -> None:
    view = View(PROCESSES, filter=parse("nginx"), rows=1)
    text = written_by(
        lambda s, write: run_snapshot(
            s, view, "nginx", write, say=str, seconds=0, format="json", events=True, ascii_only=False
        ),
        [told._replace(start=START) for told in EVENTS],
    )
    document = json.loads(text)
    assert [row["pid"] for row in document["processes"]] == [42]
    assert document["totals"]["processes"] == 3
    assert document["totals"]["shown"] == 1
    assert {told["processId"] for told in document["events"]} == {42}
    assert len([told for told in document["events"] if told["epoll"]["kind"] == "create"]) == 1
    assert document["events_left_out"] > 0
    assert document["window_s"] == 0
    assert document["totals"]["created"] is None


def test_a_snapshot_of_events_has_those_of_the_whole_observation() -> None:
    view = View(ALL_EVENTS, filter=parse_over(ALL_EVENTS.fields, "kind!=found"), reverse=True)
    text = written_by(
        lambda s, write: run_snapshot(
            s, view, "kind!=found", write, say=str, seconds=0, format="json", events=False, ascii_only=False
        )
    )
    document = json.loads(text)
    assert [told["epoll"]["kind"] for told in document["events"]] == [
        made.kind.name.lower() for made in EVENTS if made.kind is not Kind.FOUND
    ]
    assert [row["pid"] for row in document["processes"]] == [42, 77, 99]
    assert document["view"] == {
        "of": "events", "filter": "kind!=found", "sort": "time", "descending": False, "rows": None
    }  # fmt: skip


def test_a_snapshot_of_events_has_more_than_a_journal_keeps() -> None:
    failures = [event(kind=Kind.CREATE_FAILED, fd=None, errno=24, file=0)] * (JOURNAL + 5)
    view = View(ALL_EVENTS, filter=parse_over(ALL_EVENTS.fields, 'kind="create failed"'))
    text = written_by(
        lambda s, write: run_snapshot(
            s, view, "", write, say=str, seconds=0, format="csv", events=False, ascii_only=False
        ),
        failures,
    )
    assert len(text.splitlines()) == 1 + len(failures)


@pytest.mark.parametrize("json", [False, True])
def test_doctor(json: bool) -> None:
    suffix = "json" if json else "txt"
    kept = Kept(("CAP_SYS_PTRACE", "CAP_BPF"), True, (1000, "SUDO_UID"))
    say = functools.partial(doctor_report, kept=kept, json=json, ascii_only=False)
    agree(f"doctor.{suffix}", say(NEEDS, bounded().source, "", compat=0, unlisted=Unlisted(1234, 2, 1, False)))
    exactly = dataclasses.replace(exact().source, sees_compat=False)
    agree(f"doctor-exact.{suffix}", say(NEEDS[2:], exactly, "", compat=1, unlisted=Unlisted(1, 1, 0, True)))
    unneeded = (Requirement("tracefs", False, "not mounted", "mount it"), *NEEDS[2:])
    agree(f"doctor-unneeded.{suffix}", say(unneeded, exactly, "", compat=0, unlisted=NOTHING))
    why = "privileges: uid 65534; remedy: be root"
    agree(
        f"doctor-none.{suffix}",
        say(NEEDS, None, why, compat=0, unlisted=NOTHING, kept=Kept((), False, (0, "")), ascii_only=True),
    )
