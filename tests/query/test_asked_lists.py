"""Lists are read only for views that need them, those that were not read yet first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from epolltop.model.bounds import INTEREST_KEPT_MAX, WATCHES_MAX
from epolltop.model.watch import InterestList, Target, TargetKind, Watch
from epolltop.query import asked_lists
from epolltop.query.asked_lists import lists_asked, lists_missing, needs_lists
from epolltop.query.view import INSTANCES, PROCESSES, WATCHES, Subject, held_instances
from tests.support.examples import HOSTILE, OLD, SHARED, SIZED, watching
from tests.support.fake_source import Task, batch_of
from tests.support.watched import Watched


@pytest.mark.parametrize(
    ("subject", "filter_text", "sort", "needed"),
    [
        (WATCHES, "", "", True),
        (PROCESSES, "nginx open>1", "open", False),
        (INSTANCES, "", "age_s", False),
        (INSTANCES, "", "stale", True),
        (INSTANCES, "name:watch watches>3", "", False),
        (INSTANCES, "nginx (not STALE>0 or fds:3)", "", True),
        (INSTANCES, "watches>stale", "", True),
        (INSTANCES, "name:stale", "", False),
        (INSTANCES, "watch:tcp", "", True),
        (INSTANCES, "watch", "", False),
        (INSTANCES, "& stale>0", "", False),
        (INSTANCES, "nope>0", "", False),
    ],
)
def test_which_views_need_them(subject: Subject[Any], filter_text: str, sort: str, needed: bool) -> None:
    assert needs_lists(subject, filter_text, sort) is needed


def test_those_that_were_not_read_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = watching()
    assert [each.file for each in lists_asked(held_instances(world))] == [OLD.file, SIZED.file, SHARED.file]
    assert [each.file for each in lists_asked(held_instances(world, HOSTILE.key))] == [SIZED.file, SHARED.file]
    monkeypatch.setattr(asked_lists, "ASKED_MAX", 2)
    assert [each.file for each in lists_asked(held_instances(world))] == [OLD.file, SIZED.file]


def test_no_more_are_read_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_lists, "FULL_FROM", 5)
    assert [each.file for each in lists_asked(held_instances(watching()))] == [SHARED.file], (
        "what is known stays current"
    )


@pytest.mark.parametrize("length", [WATCHES_MAX, 3_000, 7])
def test_lists_that_are_more_than_fit_do_not_take_each_others_place_for_ever(length: int) -> None:
    task, world = Task(7, open=2 * INTEREST_KEPT_MAX // length), Watched()
    watch = Watch(3, 1, 3, Target(TargetKind.FILE, "/x"), False, False)
    read: dict[int, InterestList] = {}
    for _ in range(4):
        world.apply(replace(batch_of(task), interest=read))
        held = held_instances(world.look())
        asked = lists_asked(held)
        read = {each.file: InterestList((watch,) * length) for each in asked}
    assert asked
    assert all(each.interest for each in asked), "what is known stays current"


def test_only_where_lists_matter_their_lack_is_told() -> None:
    assert lists_missing(watching(), INSTANCES, "nginx", "age_s") == ""
    assert lists_missing(watching(), INSTANCES, "stale=0", "age_s").startswith("the lists of 1 of 3 instances were")
