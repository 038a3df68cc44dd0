"""Watches as rows: their words, their filters, how many there are at most."""

from __future__ import annotations

import pytest

from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from epolltop.query.by_process import ByProcess
from epolltop.query.field import lookup
from epolltop.query.filter import parse_over
from epolltop.query.instance_watches import watches_of_instance
from epolltop.query.view import WATCHES, View, held_instances, look
from epolltop.query.watch_fields import WATCH_FIELDS
from epolltop.query.watch_of import watches_of
from epolltop.query.watches_read import WatchesRead, watches_read
from tests.support.examples import GONE, HOSTILE, NGINX, OLD, SHARED, watching
from tests.support.rows import instance, process_row, snapshot

WORLD = watching()
IN, OUT, EXCLUSIVE, WAKEUP, ONESHOT, EDGE = 1, 4, 1 << 28, 1 << 29, 1 << 30, 1 << 31
OF_ALL = 0x18


def found(text: str) -> list[tuple[int, int | None]]:
    """Pid and descriptor of the watches that match."""
    rows = look(WORLD, View(WATCHES, filter=parse_over(WATCH_FIELDS, text)))
    return [(row.process.pid if row.process else 0, row.watch.fd) for row in rows]


@pytest.mark.parametrize(
    ("mask", "events", "mode"),
    [
        (IN | OF_ALL, "IN", "level"),
        (IN | OUT | OF_ALL | EDGE, "IN OUT", "edge"),
        (OUT | EDGE | ONESHOT | EXCLUSIVE | WAKEUP, "OUT", "edge oneshot exclusive wakeup"),
        (ONESHOT, "none", "level oneshot"),
        (1 << 20, "0x100000", "level"),
    ],
)
def test_a_mask_is_told_in_words(mask: int, events: str, mode: str) -> None:
    watch = Watch(3, mask, 3, Target(TargetKind.FILE, "/x"), None, None)
    (row,) = watches_of(process_row(instances=(instance()._replace(interest=InterestList((watch,))),)))
    assert [lookup(WATCH_FIELDS, name).show(row, WORLD) for name in ("events", "mode")] == [events, mode]


def test_each_holder_has_a_row_for_each_watch() -> None:
    assert found("") == [(pid, fd) for pid in (42, 77) for fd in (3, 7, 7, 12, 13)]


@pytest.mark.parametrize(
    ("text", "fds"),
    [
        ("stale>0", [7]),
        ("stale=?", [12]),
        ("mode:edge", [7, 12]),
        ("mode:oneshot events:in", [7]),
        ("kind=tcp", [3]),
        ("watch:'tcp [::1]:80'", [3]),
        ("shared=yes", [3]),
        ("shared=?", [7, 12]),
        ("fd=13", [13]),
        ("details:backlog", [3]),
        ("unread=?", [3, 7, 7, 12, 13]),
    ],
)
def test_they_are_filtered(text: str, fds: list[int]) -> None:
    assert found(f"pid=42 {text}") == [(42, fd) for fd in fds]


def test_an_instance_is_named_only_if_the_same_process_holds_it() -> None:
    nested = {row.process.pid: row.nested for row in WATCHES.rows(WORLD) if row.process and row.watch.fd == 13}
    assert nested == {42: OLD, 77: None}


def test_those_of_one_instance_are_as_its_holder_sees_them() -> None:
    def descriptors(holder: int) -> set[tuple[int, int | None]]:
        subject = watches_of_instance(SHARED.key, NGINX.key._replace(pid=holder))
        return {(row.process.pid, row.instance_fd) for row in subject.rows(WORLD) if row.process}

    assert descriptors(77) == {(77, 5)}
    assert descriptors(42) == descriptors(1) == {(42, 8)}, "another one, if that does not hold it any more"


def test_their_number_is_bounded_and_no_more_are_made() -> None:
    made: list[int] = []

    def three(process: object) -> list[int]:
        made.append(1)
        return [1, 2, 3]

    world = snapshot(*(process_row(pid) for pid in range(1, 9)))
    assert ByProcess(three, most=5)(world) == [1, 2, 3, 1, 2]
    assert len(made) == 2


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (WatchesRead(3, 3, 0, 10), ""),
        (WatchesRead(0, 1, 0, 0), "the lists of 0 of 1 instance were read"),
        (
            WatchesRead(2, 1000, 1, 200_001),
            "the lists of 2 of 1,000 instances were read; 1 registration in them could not be told by name; "
            "the first 200,000 of 200,001 rows are there",
        ),
    ],
)
def test_what_is_missing_is_said(read: WatchesRead, words: str) -> None:
    assert read.words == words


def test_an_instance_counts_once_however_many_hold_it() -> None:
    assert watches_read(held_instances(WORLD)) == WatchesRead(read=1, of=3, unnamed=996, rows=10)
    assert watches_read(held_instances(WORLD, HOSTILE.key)) == WatchesRead(read=1, of=2, unnamed=996, rows=5)
    assert watches_read(held_instances(snapshot(GONE))) == WatchesRead(0, 0, 0, 0)
