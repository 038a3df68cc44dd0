"""What the columns of instances say."""

from __future__ import annotations

import re

import pytest

from epolltop.model.event import Syscall
from epolltop.query.creation import argument_text, flag_names
from epolltop.query.field import Value, lookup
from epolltop.query.instance_fields import INSTANCE_FIELDS, InstanceOf
from tests.support.rows import instance, process_row, snapshot


def value(name: str, row: InstanceOf) -> Value:
    return lookup(INSTANCE_FIELDS, name).value(row, snapshot())


def show(name: str, row: InstanceOf) -> str:
    return lookup(INSTANCE_FIELDS, name).show(row, snapshot())


def test_descriptors_are_listed_while_they_fit() -> None:
    few = InstanceOf(instance(holders=((42, (8, 9)),)), process_row())
    many = InstanceOf(instance(holders=((42, tuple(range(100, 120))),)), process_row())
    assert show("fds", few) == "8,9"
    assert show("fds", many) == "20 fds"
    assert str(value("fds", many)).count(",") == 19


def test_a_traced_instance_has_an_age() -> None:
    row = InstanceOf(instance(age_s=12.3), process_row())
    assert (value("age", row), show("age", row)) == (12.3, "12.3s")
    assert value("created_at", row) == "2026-01-31T11:59:47.823456Z"
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.823", show("created_at", row))


def test_a_found_instance_is_at_least_as_old_as_it_is_known() -> None:
    row = InstanceOf(instance(age_s=12.3, found=True), process_row())
    assert (value("age", row), show("age", row)) == (None, "≥12.3s")
    assert [show(name, row) for name in ("seen", "created_at", "creator")] == ["found", "?", "?"]


def test_other_holders_are_named() -> None:
    alone = InstanceOf(instance(), process_row())
    shared = InstanceOf(instance(holders=((42, (8,)), (43, (8,)))), process_row())
    crowd = InstanceOf(instance(holders=tuple((pid, (8,)) for pid in range(20))), process_row())
    assert [show("holders", row) for row in (alone, shared)] == ["1", "2: 42,43"]
    assert show("holders", crowd) == "20: 0,1,2,3,4,5,6,7…"
    assert value("holders", crowd) == 20


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
def test_the_argument_reads_as_it_was_written(syscall: Syscall, argument: int | None, text: str | None) -> None:
    assert argument_text(syscall, argument) == text
    row = InstanceOf(instance(syscall=syscall, argument=argument), process_row())
    assert show("arg", row) == (text or "?")


def test_negative_flags_have_names_too() -> None:
    assert flag_names(-1) == ("EPOLL_CLOEXEC", "0xfff7ffff")


def test_watches_that_were_not_read_are_unknown() -> None:
    assert [show("watches", InstanceOf(instance(watches=n), process_row())) for n in (None, 0)] == [
        "?",
        "0",
    ]
