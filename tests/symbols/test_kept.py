"""Stacks are one object while somebody has them, and take no more room than they may."""

from __future__ import annotations

import pytest

from epolltop.symbols import stack_pool
from epolltop.symbols.stack_pool import NamedStack, StackPool


def stack(number: int) -> NamedStack:
    return (f"function{number}", "main")


def test_equal_stacks_are_one_object() -> None:
    known = StackPool()
    first = known.keep(stack(1))
    assert first == stack(1)
    assert known.keep(stack(1)) is first
    assert known.keep(stack(2)) is not first


def test_no_more_is_kept_than_there_is_room_for_and_what_nobody_has_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_pool, "POOL_BYTES_MAX", 10_000)
    known = StackPool()
    held = [each for number in range(100) if (each := known.keep(stack(number)))]
    assert 10 < len(held) < 50
    last = held[-1]
    known.make_room()
    assert known.keep(stack(1000)) is None, "all of them are in use"
    assert known.keep(stack(len(held) - 1)) is last, "what is known takes no room"
    del held
    known.make_room()
    assert known.keep(stack(1000)) == stack(1000)
    assert known.keep(stack(0)) == stack(0)
    assert len(known._entries) == 4  # its own, and those that somebody had or got since
    assert known.keep(("function" + str(15),)) is not None


def test_room_is_not_sought_while_there_is_some() -> None:
    known = StackPool()
    known.keep(stack(1))
    known.make_room()
    assert len(known._entries) == 2
