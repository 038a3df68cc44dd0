"""What the columns of events say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from epolltop.model.event import Event, Kind, Syscall
from epolltop.query.event_fields import EVENT_FIELDS
from epolltop.query.field import Value, lookup
from epolltop.query.filter import parse_over
from tests.support.records import NOW_NS, SECOND_NS, event
from tests.support.rows import instance, snapshot

WORDS = {
    Kind.CREATE: "create",
    Kind.CREATE_FAILED: "create failed",
    Kind.RELEASE: "release",
    Kind.FOUND: "found",
    Kind.GONE: "gone",
}


def value(name: str, row: Event) -> Value:
    return lookup(EVENT_FIELDS, name).value(row, snapshot())


def show(name: str, row: Event) -> str:
    return lookup(EVENT_FIELDS, name).show(row, snapshot())


def test_every_member_of_an_event_is_in_some_field() -> None:
    changes: dict[str, Any] = dict.fromkeys(Event._fields, 7)
    changes |= {"kind": Kind.RELEASE, "syscall": Syscall.EPOLL_CREATE, "name": "other", "by_kernel": True}
    changes["stack"] = ("function+0x1c (libfoo.so)",)
    for member, changed in changes.items():
        before, after = event(errno=24), event(errno=24)._replace(**{member: changed})
        world = snapshot()
        assert any(field.value(before, world) != field.value(after, world) for field in EVENT_FIELDS), member


@pytest.mark.parametrize(("kind", "text"), WORDS.items())
def test_every_kind_has_a_word(kind: Kind, text: str) -> None:
    assert show("kind", event(kind=kind)) == text


def test_a_creation_returned_a_descriptor() -> None:
    assert show("result", event(fd=8)) == "8"
    assert show("result", event(fd=None)) == "?"


@pytest.mark.parametrize(("errno", "text"), [(24, "EMFILE"), (9999, "9999")])
def test_a_failure_has_a_reason(errno: int, text: str) -> None:
    row = event(kind=Kind.CREATE_FAILED, fd=None, errno=errno)
    assert show("result", row) == show("errno", row) == text
    assert lookup(EVENT_FIELDS, "result").severity(row, snapshot()) == "error"


def test_a_release_has_a_lifetime_if_creation_was_seen() -> None:
    row = event(kind=Kind.RELEASE, created_ns=NOW_NS - 3 * SECOND_NS)
    assert (value("lifetime", row), show("lifetime", row)) == (2.0, "2.0s")
    assert show("lifetime", row._replace(created_ns=0)) == "?"


def test_a_stack_is_one_line_innermost_first() -> None:
    row = event(stack=("inner+0x1 (a.so)", "[0x7f00] (b)"))
    assert value("stack", row) == "inner+0x1 (a.so) < [0x7f00] (b)"
    assert (value("stack", event()), show("stack", event())) == (None, "?")
    assert parse_over(EVENT_FIELDS, "stack:INNER")(row, snapshot())
    assert not parse_over(EVENT_FIELDS, "stack:outer")(row, snapshot())


def test_what_cannot_be_is_not_called_unknown() -> None:
    release = event(kind=Kind.RELEASE, fd=None, argument=None)
    assert [show(name, release) for name in ("result", "fd", "errno", "arg", "stack")] == ["-"] * 5
    assert show("lifetime", event()) == "-"


def test_the_instance_is_called_as_in_the_table_of_instances() -> None:
    held = instance(age_s=1.0)
    assert value("instance", event(file=held.file, since_ns=held.since_ns)) == held.id
    assert show("instance", event(file=0)) == "?"


def test_times_are_of_the_wall() -> None:
    assert value("time", event()) == "2026-01-31T11:59:59.123456Z"
    assert re.fullmatch(r"\d\d:\d\d:59\.123", show("time", event()))


def test_an_unknown_user_or_group_is_not_zero() -> None:
    row = event(uid=None, cgroup=0, start=0, syscall=Syscall.UNKNOWN)
    assert [show(name, row) for name in ("uid", "cgroup", "start", "syscall")] == ["?"] * 4


def test_an_unknown_actor_is_not_process_0() -> None:
    row = event(kind=Kind.GONE, pid=0, tid=0, ppid=0, name="")
    assert [show(name, row) for name in ("pid", "tid", "ppid", "name")] == ["?"] * 4
