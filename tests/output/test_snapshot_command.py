"""The command that writes one snapshot, over a fake source."""

from __future__ import annotations

import json

from epolltop.model.event import Kind
from epolltop.model.world import JOURNAL
from epolltop.output.snapshot_command import run_snapshot
from epolltop.query.filter import parse, parse_over
from epolltop.query.view import EVENTS as ALL_EVENTS
from epolltop.query.view import PROCESSES, View
from tests.support.examples import EVENTS
from tests.support.fake_source import START
from tests.support.front_end import written_by
from tests.support.records import event


def test_a_snapshot_with_its_events() -> None:
    view = View(PROCESSES, filter=parse("nginx"), rows=1)
    text = written_by(
        lambda s, write: run_snapshot(
            s, view, "nginx", write, say=str, seconds=0, format="json", events=True, watches=False, ascii_only=False
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
            s,
            view,
            "kind!=found",
            write,
            say=str,
            seconds=0,
            format="json",
            events=False,
            watches=False,
            ascii_only=False,
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
            s, view, "", write, say=str, seconds=0, format="csv", events=False, watches=False, ascii_only=False
        ),
        failures,
    )
    assert len(text.splitlines()) == 1 + len(failures)
