"""Tables one after the other."""

from __future__ import annotations

import json
from typing import Any

from rich.cells import cell_len

from epolltop.model.process_selection import Selection
from epolltop.output.batch_command import run_batch
from epolltop.output.parts import Parts
from epolltop.output.report import WIDTH
from epolltop.query.view import EVENTS, PROCESSES, View
from epolltop.session.listener import Listener
from epolltop.session.observation import Observation
from tests.support.fake_source import ScriptedSource, Task, batch_of
from tests.support.front_end import written_by
from tests.support.schema_check import check_document


async def test_processes_of_the_last_table_are_read_first() -> None:
    source = ScriptedSource(batch_of(*(Task(pid, open=pid) for pid in range(1, 9))))
    session = Listener(Observation(lambda: source, Selection()), 0.01)
    written: list[Parts] = []
    try:
        await run_batch(
            session, View(PROCESSES, rows=2), "", written.append, count=2, json=False, watches=False, ascii_only=False
        )
    finally:
        session.close()
    assert len(written) == 2
    assert [key.pid for key in source.shown] == [8, 7]


def tables(view: View[Any], *, as_json: bool = False) -> str:
    return written_by(
        lambda s, write: run_batch(s, view, "", write, count=2, json=as_json, watches=False, ascii_only=False)
    )


def test_each_table_has_its_head_and_the_rates_of_its_second() -> None:
    head, rows, later, later_rows = tables(View(PROCESSES)).strip().split("\n\n")
    assert "observed 2.0s" in head
    assert "created 4 (1.0/s)  freed 1 (0/s)" in head
    assert "observed 3.0s" in later, "a second census knows no birth of what the first one found"
    assert "created ≥4 (0/s)  freed ≥1 (0/s)" in later
    assert [line.split()[:4] for line in rows.splitlines()] == [
        ["PID", "USER", "OPEN", "NEW/S"],
        ["42", "www-data", "2", "0"],
        ["77", "日本", "1", "0"],
        ["99", "www-data", "1", "1.0"],
    ]
    assert [line.split()[3] for line in later_rows.splitlines()] == ["NEW/S", "0", "0", "?"]
    assert max(map(cell_len, tables(View(PROCESSES)).splitlines())) <= WIDTH


def test_tables_of_events_tell_each_once() -> None:
    _, first, _, second = tables(View(EVENTS)).strip().split("\n\n")
    assert [line[13:26].rstrip() for line in first.splitlines()] == [
        "EVENT",
        *("found", "gone", "found", "release", "release", "create failed", "create failed", "create"),
    ]
    assert len(second.splitlines()) == 1


def test_documents_one_a_line() -> None:
    documents = [json.loads(line) for line in tables(View(PROCESSES), as_json=True).splitlines()]
    for document in documents:
        check_document(document)
    assert [document["observed_s"] for document in documents] == [2.0, 3.0]
    assert [[row["pid"] for row in document["processes"]] for document in documents] == [[42, 77, 99]] * 2
    assert documents[0]["taken_at"] < documents[1]["taken_at"]
