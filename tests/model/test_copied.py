"""A copy of the world shares nothing that can change, whatever member that is in."""

from __future__ import annotations

import dataclasses
import enum
import threading
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epolltop.model.copied import copied
from epolltop.model.history import History
from epolltop.model.journal import Journal
from epolltop.model.process_loops import ProcessLoops
from epolltop.model.world import World
from tests.support.records import A

from .test_any_order import FATES, STEPS, Step, _deliver, _run


def _is_plain(value: object) -> bool:
    """Whether it cannot change, by itself."""
    if dataclasses.is_dataclass(value) and vars(type(value))["__dataclass_params__"].frozen:
        return True
    return value is None or isinstance(value, int | float | str | bytes | enum.Enum | Journal | ProcessLoops)


def _inner(value: Any) -> list[Any]:
    """What it is made of."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset | deque):
        return list(value)
    return list(vars(value).values())


def _changing(value: Any) -> Iterator[Any]:
    """Each object within that can change."""
    if not _is_plain(value):
        if not isinstance(value, tuple | frozenset):
            yield value
        for inner in _inner(value):
            yield from _changing(inner)


def _content(value: Any) -> object:
    """All that is in it, in collections of its own."""
    if _is_plain(value):
        return value
    keys = list(value) if isinstance(value, dict | set) else list(vars(value)) if hasattr(value, "__dict__") else ()
    return type(value), sorted(map(repr, keys)), [_content(inner) for inner in _inner(value)]


def _spoil(value: Any) -> None:
    if isinstance(value, dict):
        value.clear()
        value["spoilt"] = 1
    elif isinstance(value, list | set | deque):
        value.clear()
    else:
        for name in list(vars(value)):
            setattr(value, name, "spoilt")


@settings(max_examples=100)
@given(STEPS, FATES, st.booleans())
def test_whatever_is_changed_in_a_copy_the_original_stays(
    steps: list[Step], fates: list[tuple[int, ...]], marked: bool
) -> None:
    world = World()
    window = world.open_window(tell_all=True)
    world.open_window()
    for one in _deliver(_run(steps), fates):
        world.apply(one)
        world.freeze(window)
        if marked:
            world.mark(window)
    before = _content(world)
    copy = world.copy()
    assert _content(copy) == before
    for each in reversed(list(_changing(copy))):
        _spoil(each)
    assert _content(world) == before


def test_a_member_that_is_added_is_copied() -> None:
    world = World()
    added = {"dict": {1: {2}}, "list": [[A]], "deque": deque([1]), "counter": Counter("a"), "part": History()}
    vars(world).update(added)
    copy = world.copy()
    for name, value in added.items():
        other = getattr(copy, name)
        assert _content(other) == _content(value)
        assert not {id(each) for each in _changing(value)} & {id(each) for each in _changing(other)}


def test_a_member_that_it_does_not_know_to_copy_is_an_error() -> None:
    world = World()
    vars(world)["added"] = [threading.Event()]
    with pytest.raises(TypeError, match="no rule to copy Event"):
        world.copy()


def test_what_cannot_change_is_shared() -> None:
    journal = Journal(9)
    assert copied(journal) is journal
