"""Whatever a snapshot holds: every format writes it, and what is written reads back as it was."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from epolltop.model.bounds import EVIDENCE_MAX
from epolltop.model.counts import Totals
from epolltop.model.event import Event, Kind, Syscall
from epolltop.model.instance import Holder, Instance, Provenance
from epolltop.model.limits import Limit
from epolltop.model.process import ProcessKey
from epolltop.model.process_row import ProcessRow
from epolltop.model.snapshot import Snapshot
from epolltop.model.source import Probe
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from epolltop.output.report import WIDTH, Report
from epolltop.query.field import Value, shown
from epolltop.query.instance_fields import HELD_FIELDS
from epolltop.query.limit_catalogue import CATALOGUE
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.view import EVENTS, PROCESSES, SUBJECTS, View, instances, look
from epolltop.text.safe import safe
from tests.support.formats import FORMATS, as_json_line
from tests.support.records import NOW_NS
from tests.support.rows import process_row, snapshot
from tests.support.schema_check import DOCS, check_document, members

AWKWARD = [
    *("", "=1+1", "'=1", "-", "@a", "|", "\\", '"', ",", "a\x00b\r\n\tc"),
    *("``` <b> &amp; ~~x~~", "\u202e\u2028", "日" * 60),
]
TEXT = st.one_of(st.binary(max_size=20), st.sampled_from(AWKWARD).map(str.encode)).map(safe)
COUNT = st.integers(0, 1 << 40)
RATE = st.floats(0, 1e9)
AT = st.integers(1, NOW_NS)
LIMITS = st.builds(
    Limit,
    st.sampled_from([*CATALOGUE, "of_tomorrow"]),
    st.dictionaries(TEXT, TEXT | COUNT | RATE, max_size=EVIDENCE_MAX).map(lambda evidence: tuple(evidence.items())),
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Processes that share instances, instances that nobody holds, events of all kinds, known and unknown values."""
    keys = draw(st.lists(st.builds(ProcessKey, st.integers(1, 99), st.integers(0, 9)), unique=True, max_size=4))
    fds = st.lists(st.integers(0, 1 << 20), min_size=1, max_size=4, unique=True).map(sorted).map(tuple)
    held = [
        Instance(
            file=number << 8,
            since_ns=draw(AT),
            provenance=draw(st.sampled_from(Provenance)),
            creator=draw(st.none() | st.builds(ProcessKey, st.integers(1, 99), st.integers(0, 9))),
            syscall=draw(st.sampled_from(Syscall)),
            argument=draw(st.none() | st.integers(0, (1 << 32) - 1)),
            holders=tuple(
                Holder(key, draw(fds)) for key in sorted(draw(st.sets(st.sampled_from(keys))) if keys else ())
            ),
            watches=draw(st.none() | COUNT),
            stack=tuple(draw(st.lists(TEXT, max_size=3))),
            interest=draw(st.none() | interest_lists()),
        )
        for number in range(1, 1 + draw(st.integers(0, 5)))
    ]
    rows = [draw(processes(key, tuple(each for each in held if each.fds_of(key)))) for key in keys]
    made = snapshot(*rows, journal=tuple(draw(st.lists(events(), max_size=4))))
    traces = draw(st.booleans())
    return replace(
        made,
        window_s=draw(st.sampled_from([0.0, 0.1, 1e6])),
        open=len(held),
        unheld=tuple(each for each in held if not each.holders),
        totals=Totals(draw(COUNT), draw(COUNT), draw(COUNT), draw(COUNT)),
        source=replace(
            made.source,
            limits=tuple(draw(st.lists(LIMITS, max_size=2))),
            probes=(Probe("epoll_create", draw(TEXT), traces), Probe("files_free", draw(TEXT), draw(st.booleans()))),
        ),
    )


@st.composite
def processes(draw: st.DrawFn, key: ProcessKey, held: tuple[Instance, ...]) -> ProcessRow:
    maybe = st.none() | COUNT
    return process_row(
        key.pid,
        start=key.start,
        instances=held,
        name=draw(TEXT),
        command=draw(TEXT),
        user=draw(st.none() | TEXT),
        cgroup=draw(st.none() | TEXT),
        container=draw(st.none() | TEXT),
        ns_pid=draw(maybe),
        uid=draw(maybe),
        ppid=draw(maybe),
        fds=draw(maybe),
        fd_limit=draw(maybe),
        started_ns=draw(st.none() | AT),
        ended=draw(st.booleans()),
        created=draw(COUNT),
        released=draw(COUNT),
        failed=draw(COUNT),
        sampled_out=draw(COUNT),
        failed_sampled_out=draw(COUNT),
        create_per_s=draw(RATE),
        release_per_s=draw(RATE),
        history=tuple(draw(st.lists(RATE, max_size=5))),
    )


def interest_lists() -> st.SearchStrategy[InterestList]:
    known, bits = st.none() | st.booleans(), st.integers(0, (1 << 32) - 1)
    details = st.dictionaries(TEXT, st.integers(0, 1 << 60) | TEXT, max_size=2).map(lambda told: tuple(told.items()))
    targets = st.builds(Target, st.sampled_from(TargetKind), TEXT, details)
    nested = st.none() | st.integers(1, 5).map(lambda number: number << 8)
    data = st.integers(0, (1 << 64) - 1)
    watch = st.builds(Watch, st.integers(0, 1 << 20), bits, data, targets, known, known, nested)
    amounts = st.integers(0, 9)
    return st.builds(InterestList, st.lists(watch, max_size=3).map(tuple), amounts, amounts)


def events() -> st.SearchStrategy[Event]:
    number = st.integers(0, 1 << 22)
    return st.builds(
        Event,
        kind=st.sampled_from(Kind),
        time_ns=AT,
        file=st.sampled_from([0, 1 << 8, 2 << 8]),
        created_ns=st.just(0) | AT,
        pid=number,
        tid=number,
        ppid=number,
        uid=st.none() | number,
        start=number,
        cgroup=number,
        name=TEXT,
        fd=st.none() | number,
        errno=st.integers(0, 4095),
        syscall=st.sampled_from(Syscall),
        stack=st.lists(TEXT, max_size=3).map(tuple),
        argument=st.none() | st.integers(0, (1 << 32) - 1),
        by_kernel=st.booleans(),
        by_census=st.booleans(),
        since_ns=st.just(0) | AT,
    )


def report(made: Snapshot, subject: str, **other: Any) -> Report[Any]:
    view = View(SUBJECTS[subject])
    return Report(made, view, look(made, view), **other)


subjects = pytest.mark.parametrize("subject", SUBJECTS)


@subjects
@given(made=snapshots(), typed=TEXT, ascii_only=st.booleans())
def test_json_is_a_document_with_the_raw_values(subject: str, made: Snapshot, typed: str, ascii_only: bool) -> None:
    about = report(made, subject, filter_text=typed, events=made.journal, ascii_only=ascii_only)
    document = json.loads(FORMATS["json"](about))
    check_document(document)
    assert document == json.loads(as_json_line(about))
    assert (document["view"]["of"], document["view"]["filter"]) == (subject, typed)
    by_pid = {(row.pid, row.name, row.command, row.user, row.facts.cgroup, row.facts.fds) for row in made.processes}
    for listed in document["processes"]:
        assert tuple(listed[name] for name in ("pid", "name", "command", "user", "cgroup", "fds")) in by_pid
    pairs = [(each["id"], tuple(each["fds"])) for listed in document["processes"] for each in listed["instances"]]
    chosen = {"loops": [row.process for row in about.rows if subject == "loops"], "findings": []}
    held = [(row, each) for row in chosen.get(subject, made.processes) for each in row.instances]
    if subject == "watches":  # only instances with a row
        held = [(row, each) for row, each in held if each.interest and each.interest.watches]
    assert sorted(pairs) == sorted((each.id, each.fds_of(row.key)) for row, each in held)
    in_flight = made.unheld
    if subject == "instances":
        in_flight = tuple(row.instance for row in about.rows if row.process is None)
    assert [each["id"] for each in document.get("in_flight", ())] == [each.id for each in in_flight]
    told = look(made, View(EVENTS)) if subject == "events" else made.journal
    assert [event["processName"] for event in document["events"]] == [event.name or None for event in told]


@subjects
@given(made=snapshots())
def test_csv_has_the_raw_values(subject: str, made: Snapshot) -> None:
    about = report(made, subject)
    expected = []
    if subject == "processes":
        fields = [field.id for field in PROCESS_FIELDS] + [f"instance_{field.id}" for field in HELD_FIELDS]
        for row in look(made, View(PROCESSES)):
            for held in instances(row) or (None,):
                values = [field.value(row, made) for field in PROCESS_FIELDS]
                expected.append(values + [field.value(held, made) if held else None for field in HELD_FIELDS])
    else:
        known = SUBJECTS[subject].fields
        fields = [field.id for field in known]
        expected = [[field.value(row, made) for field in known] for row in about.rows]
    written = FORMATS["csv"](about)
    read = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [list(line) for line in read] == [fields] * len(expected)
    assert [list(line.values()) for line in read] == [[_cell(value) for value in line] for line in expected]
    assert len(written.splitlines()) == 1 + len(expected)


_SIGNS = "".join(char for char in map(chr, range(0x10000)) if unicodedata.normalize("NFKC", char) in {*"=+@-"})


def _cell(value: Value) -> str:
    """As docs/snapshot.md says."""
    if isinstance(value, str):
        return re.sub(rf'(^|[;,|\t])(?=[ "]*[{re.escape(_SIGNS)}\u2212])', r"\1'", value)
    return "" if value is None else json.dumps(value)


@subjects
@given(made=snapshots(), typed=TEXT, ascii_only=st.booleans())
def test_markdown_is_one_table_without_markup(subject: str, made: Snapshot, typed: str, ascii_only: bool) -> None:
    about = report(made, subject, filter_text=typed, ascii_only=ascii_only)
    written = FORMATS["md"](about)
    assert written.isascii() or not ascii_only
    head, table = written.split("\n\n", 1)
    heading, rule, *lines = table.removesuffix("\n").split("\n")
    assert len(lines) == len(about.rows)
    columns = len(shown(SUBJECTS[subject].fields, made))
    for line in (heading, rule, *lines):
        assert len(_unescaped("|", line)) == columns + 1
    for line in (*head.split("\n"), *lines):
        assert line.replace("\n", "").isprintable()
        assert not any(_unescaped(char, _without_code(line)) for char in "`*_<>[]&~")


def _unescaped(char: str, line: str) -> list[str]:
    return re.findall(re.escape(char), re.sub(r"\\.", "", line))


def _without_code(line: str) -> str:
    """A backslash in a code span is one."""
    return re.sub(r"(?<![`\\])(`+)(?!`).*?(?<!`)\1(?!`)", "", line)


@subjects
@given(made=snapshots(), typed=TEXT, ascii_only=st.booleans(), width=st.sampled_from([WIDTH, 132]))
def test_text_keeps_its_width(subject: str, made: Snapshot, typed: str, ascii_only: bool, width: int) -> None:
    about = report(made, subject, filter_text=typed, ascii_only=ascii_only, width=width)
    written = FORMATS["txt"](about)
    assert written.isascii() or not ascii_only
    lines = written.removesuffix("\n").split("\n")
    assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)
    assert len(lines) - 2 - lines.index("") == len(about.rows)


def test_the_schema_and_the_page_name_the_same_members() -> None:
    page = (DOCS / "snapshot.md").read_text()
    told = {word for quoted in re.findall(r"`([^`]+)`", page) for word in re.split(r"\W+", quoted)}
    assert set(members()) - told == set()
