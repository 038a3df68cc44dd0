"""Rows are found by what their instances watch, and what is not known is neither found nor ruled out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from epolltop.model.loop_of import LoopOf
from epolltop.model.watch import NOT_SEEN, InterestList, Target, TargetKind, Watch
from epolltop.query.field import lookup
from epolltop.query.filter import parse_over
from epolltop.query.instance_fields import INSTANCE_FIELDS, InstanceOf
from epolltop.query.loop_fields import LOOP_FIELDS
from epolltop.query.process_fields import PROCESS_FIELDS
from epolltop.query.watch_fields import WATCH_FIELDS
from epolltop.query.watch_of import watches_of
from tests.support.rows import instance, loop_row, process_row, snapshot

WORLD = snapshot()


def watch(fd: int, kind: TargetKind, text: str, stale: bool | None = False) -> Watch:
    return Watch(fd, 1, fd, Target(kind, text), stale, False)


LIST = InterestList((
    watch(7, TargetKind.TCP, "127.0.0.1:8080 ← [::1]:51312"),
    watch(8, TargetKind.TCP, "[::]:443"),
    watch(9, TargetKind.UNIX, "/run/x tcp 10.0.0.1:99 ↔ sh 1/3", stale=True),
    watch(71, TargetKind.PIPE, "pipe:[8080]"),
))  # fmt: skip
READ = instance(0xA00)._replace(interest=LIST)
OTHER = instance(0xB00)


def matches(fields: Sequence[Any], row: Any, text: str) -> bool:
    return bool(parse_over(fields, text)(row, WORLD))


def of_instance(text: str, interest: InterestList | None = LIST) -> bool:
    return matches(INSTANCE_FIELDS, InstanceOf(instance()._replace(interest=interest), None), text)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("watch:tcp:8080", True),
        ("watch:TCP:51312", True),
        ("watch:tcp:443", True),
        ("watch:tcp:80", False),
        ("watch:udp:8080", False),
        ("watch:tcp:99", False),
        ("watch:tcp:[::1]", True),
        ("watch:fd=7", True),
        ("watch:fd=1", False),
        ("watch:unix:/RUN/x", True),
        ("watch:unix:/run/y", False),
        ("watch:pipe:8080", True),
        ("watch:'pipe pipe:'", True),
        ("watch:tcp", True),
        ("watch:tcp*8080*", True),
        ("watch:timerfd", False),
        ("watch='tcp [::]:443'", True),
        ("watch=tcp", False),
        ("watch~^unix./run", True),
        ("watch!:tcp:8080", False),
        ("watch!:tcp:80", True),
        ("watch!='tcp [::]:443'", False),
        ("watch:9999999999999999999", False),
    ],
)
def test_one_watch_has_to_pass(text: str, is_found: bool) -> None:
    assert of_instance(text) is is_found


@pytest.mark.parametrize(
    "interest",
    [None, LIST._replace(more=1), LIST._replace(watches=(*LIST.watches, Watch(12, 1, 12, NOT_SEEN, None, None)))],
)
def test_what_is_not_known_is_neither_found_nor_ruled_out(interest: InterestList | None) -> None:
    assert not of_instance("watch:tcp:1", interest)
    assert not of_instance("watch!:tcp:1", interest)
    assert of_instance("watch:tcp:8080", interest) is (interest is not None)


def test_a_process_is_found_by_any_of_its_instances() -> None:
    partly, whole = process_row(instances=(OTHER, READ)), process_row(instances=(READ,))
    assert matches(PROCESS_FIELDS, partly, "watch:tcp:8080 stale>0 stale=?")
    assert not matches(PROCESS_FIELDS, partly, "stale<5 or stale>1 or watch!:tcp:1")
    assert matches(PROCESS_FIELDS, whole, "stale=1 watch!:tcp:1")
    assert matches(PROCESS_FIELDS, process_row(), "stale=0 watch!:tcp")
    shown = [[lookup(PROCESS_FIELDS, name).show(row, WORLD) for name in ("stale", "watch")] for row in (partly, whole)]
    assert shown == [["≥1", "2 tcp, 1 unix, 1 pipe"], ["1", "2 tcp, 1 unix, 1 pipe"]]
    assert lookup(PROCESS_FIELDS, "stale").show(process_row(instances=(OTHER,)), WORLD) == "?"


def test_a_loop_is_found_by_its_instance() -> None:
    row = LoopOf(loop_row(READ), process_row(), READ)
    assert matches(LOOP_FIELDS, row, "watch:fd=71 stale>0 watch!:fd=1")
    assert matches(LOOP_FIELDS, row._replace(instance=None), "stale=? watch=?")
    assert not matches(LOOP_FIELDS, row._replace(instance=None), "watch:tcp or watch!:tcp")


def test_a_watch_is_found_by_the_same_words() -> None:
    rows = watches_of(process_row(instances=(READ,)))
    found = {text: [row.watch.fd for row in rows if matches(WATCH_FIELDS, row, text)] for text in WORDS}
    assert found == WORDS


WORDS = {"watch:tcp:8080": [7], "watch:fd=7": [7], "stale>0": [9], "watch!:tcp": [71], "watch:unix:/run": [9]}
