"""Of interest lists those are kept that were read last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from epolltop.model import lists_kept
from epolltop.model.lists_kept import ListsKept
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from tests.support.fake_source import Task, batch_of
from tests.support.records import release
from tests.support.watched import Watched

LIST = InterestList(tuple(Watch(fd, 1, fd, Target(TargetKind.FILE, "/x"), False, False) for fd in range(3)))


def test_the_one_read_longest_ago_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists_kept, "INTEREST_KEPT_MAX", 10)
    kept = ListsKept()
    assert [*kept.keep(1, 4), *kept.keep(2, 4), *kept.keep(1, 5)] == []
    assert list(kept.keep(3, 3)) == [2]
    assert list(kept.keep(4, 100)) == [1, 3], "one is always kept"


def test_the_watches_of_an_instance_that_is_gone_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists_kept, "INTEREST_KEPT_MAX", 7)
    world, task, another = Watched(), Task(7, open=2), Task(8)
    first, second = task.files
    world.apply(replace(batch_of(task), interest={first: LIST, second: LIST}))
    world.apply(replace(batch_of(Task(7)), events=(release(second, 2_000_000_000),)))
    (third,) = another.files
    world.apply(replace(batch_of(Task(7), another), interest={third: LIST}))
    kept = {each.file for process in world.look().processes for each in process.instances if each.interest}
    assert kept == {first, third}


def test_watches_that_are_as_before_are_not_there_twice() -> None:
    world, task = Watched(), Task(7)
    (file,) = task.files
    now = LIST._replace(watches=(LIST.watches[0]._replace(events=4), *(Watch(*each) for each in LIST.watches[1:])))
    for told in (LIST, now):
        world.apply(replace(batch_of(task), interest={file: told}))
    (instance,) = world.look().processes[0].instances
    assert instance.interest == now
    assert [any(each is other for other in LIST.watches) for each in instance.interest.watches] == [False, True, True]


def test_an_instance_whose_list_was_let_go_of_still_tells_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists_kept, "INTEREST_KEPT_MAX", 4)
    world, task = Watched(), Task(7, open=2)
    first, second = task.files
    world.apply(replace(batch_of(task), interest={first: LIST, second: LIST}))
    interest = {each.file: (each.interest, each.watches) for each in world.look().processes[0].instances}
    assert interest == {first: (None, 3), second: (LIST, 3)}
    assert {each.file for each in world.copy().look().processes[0].instances if each.interest} == {second}
